"""The job that a process runs in, as schedulers tell it, and the key by which a restarted job is the same job.

A key is given only where the scheduler promises that nobody else ever gets it: a restart that is recorded as a new run
costs little, two trainings recorded as one cost both. A pod's name is such a key only with the random end that
Kubernetes gives it: `trainer-0` of a StatefulSet and a Job's name come back for other trainings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

HOST_VARIABLES = ("SLURM_JOB_NODELIST", "LSB_MCPU_HOSTS")
"""Variables that name the hosts of a job."""

JOB_VARIABLES = (
    "SLURM_JOB_ID",
    "SLURM_JOB_NAME",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_HET_JOB_ID",
    "SLURM_HET_JOB_OFFSET",
    "SLURM_PROCID",
    "SLURM_RESTART_COUNT",
    "SLURM_CLUSTER_NAME",
    "LSB_JOBID",
    "LSB_JOBINDEX",
    "LSB_JOBNAME",
    "PBS_JOBID",
    "PBS_JOBNAME",
    "PBS_ARRAY_INDEX",
    "KUBERNETES_SERVICE_HOST",
    "JOB_COMPLETION_INDEX",
    "JOB_UID",
    "POD_NAME",
    "POD_NAMESPACE",
    "POD_UID",
    *HOST_VARIABLES,
)

# the letters and digits of the ends that Kubernetes makes up: no vowels, nothing that looks like something else
_MADE_UP = re.compile(r".*-[bcdfghjklmnpqrstvwxz2456789]{5}")


def job_ids(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables by which SLURM, LSF, PBS and Kubernetes tell a process its job."""
    found = {name: environ[name] for name in JOB_VARIABLES if environ.get(name)}
    if "KUBERNETES_SERVICE_HOST" in found:
        del found["KUBERNETES_SERVICE_HOST"]
        found.setdefault("POD_NAME", environ.get("HOSTNAME", ""))
    return {name: value for name, value in found.items() if value}


def job_key(ids: Mapping[str, str]) -> str | None:
    """What names this process of this job, also after a restart; None where nothing does.

    Args:
        ids: as `job_ids` gives them, or as a run's environment keeps them.
    """
    get = ids.get
    if job := get("SLURM_JOB_ID"):
        if get("SLURM_ARRAY_JOB_ID") and get("SLURM_ARRAY_TASK_ID"):
            job = f"{get('SLURM_ARRAY_JOB_ID')}_{get('SLURM_ARRAY_TASK_ID')}"
        elif get("SLURM_HET_JOB_ID"):
            job = f"{get('SLURM_HET_JOB_ID')}+{get('SLURM_HET_JOB_OFFSET', '0')}"
        # tasks of one job that do not train together are trainings of their own
        return f"slurm:{get('SLURM_CLUSTER_NAME', '')}/{job}/{get('SLURM_PROCID', '0')}"
    if job := get("LSB_JOBID"):
        return f"lsf:{job}[{get('LSB_JOBINDEX') or '0'}]"
    if job := get("PBS_JOBID"):  # names its server and its place in an array
        return f"pbs:{job}[{get('PBS_ARRAY_INDEX', '')}]"
    if job := get("JOB_UID"):
        return f"kubernetes:job/{job}[{get('JOB_COMPLETION_INDEX', '')}]"
    if pod := get("POD_UID"):
        return f"kubernetes:pod/{pod}"
    if (pod := get("POD_NAME")) and _MADE_UP.fullmatch(pod):
        return f"kubernetes:pod/{get('POD_NAMESPACE', '')}/{pod}"
    return None
