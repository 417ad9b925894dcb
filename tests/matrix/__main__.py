"""`python -m tests.matrix [VERSION…] [-- PYTEST ARGUMENTS]`: make the environments, run the tests, sum up.

An environment is made once and again when its pins change. Needs nothing but Python; the exit code is 1 if a version
failed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".venv-matrix"
PUBLISHING = (
    "tests/hub",
    "tests/actions/test_publish.py",
    "tests/actions/test_publish_card.py",
    "tests/actions/test_publish_faults.py",
    "tests/actions/test_publish_leaks.py",
    "tests/actions/test_publish_local.py",
    "tests/actions/test_publish_manners.py",
    "tests/actions/test_release.py",
    "tests/actions/test_sources.py",
    "tests/cli/test_cli_publish.py",
)
RECORDING = ("tests/live", "tests/tracking", "tests/capture")
TOOLS = ("pytest", "pytest-xdist", "hypothesis")


def main(arguments: list[str]) -> int:
    """Run each version, whatever became of those before it."""
    from tests.matrix.pins import PINS, is_client

    split = arguments.index("--") if "--" in arguments else len(arguments)
    versions, options = arguments[:split] or list(PINS), arguments[split + 1 :]
    if unknown := [version for version in versions if version not in PINS]:
        print(f"no such version: {', '.join(unknown)} (there are {', '.join(PINS)})", file=sys.stderr)
        return 2
    lines, failed = [], False
    for version in versions:
        print(f"\n== {'' if is_client(version) else 'sentence-transformers '}{version}", flush=True)
        try:
            python = environment(version)
        except subprocess.CalledProcessError as error:
            lines.append(f"{version:10} no environment: pip ended with {error.returncode}")
            failed = True
            continue
        passed, line = run(python, options, PUBLISHING if is_client(version) else (*RECORDING, *PUBLISHING))
        lines.append(f"{version:10} {line}")
        failed |= not passed
    print("\n" + "\n".join(lines))
    return int(failed)


def environment(version: str) -> Path:
    """Python of the environment of a version, which is made if it is not there or has other pins.

    Raises:
        CalledProcessError: pip failed.
    """
    from tests.matrix.pins import constraints, is_client

    folder = ENVIRONMENTS / version
    python, stamp = folder / "bin" / "python", folder / ".installed"
    pins = constraints(version, (ROOT / "constraints.txt").read_text("utf-8"))
    if stamp.exists() and stamp.read_text("utf-8") == pins:
        return python
    venv.create(folder, with_pip=True, clear=True)
    limits = folder / "constraints.txt"
    limits.write_text(pins, "utf-8")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-qq", "-c", str(limits)]
    # torch first: the other packages then find the version that the constraints choose
    training = [["torch"], ["-e", f"{ROOT}[train]", "optuna", "peft", *TOOLS]]
    steps = [["-e", str(ROOT), *TOOLS]] if is_client(version) else training
    for packages in steps:
        subprocess.run([*pip, *packages], cwd=folder, check=True)
    stamp.write_text(pins, "utf-8")
    return python


def run(python: Path, options: list[str], rooms: tuple[str, ...]) -> tuple[bool, str]:
    """Run the tests, of these rooms unless options name some; whether all passed, their numbers and why some did not
    run."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *options]
        chosen = () if any(option.startswith("tests/") for option in options) else rooms
        code = subprocess.run([*command, *chosen], cwd=ROOT, check=False).returncode
        if not report.exists():
            return False, f"pytest ended with {code}"
        return code == 0, _summary(report)


def _summary(report: Path) -> str:
    numbers = {"passed": 0, "failed": 0, "skipped": 0}
    reasons: dict[str, int] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            numbers["failed"] += 1
        elif (skipped := case.find("skipped")) is not None:
            numbers["skipped"] += 1
            reason = _reason(skipped)
            reasons[reason] = reasons.get(reason, 0) + 1
        else:
            numbers["passed"] += 1
    words = ", ".join(f"{number} {what}" for what, number in numbers.items())
    return words + "".join(f"\n{'':10} - {number}: {reason}" for reason, number in reasons.items())


def _reason(skipped: ElementTree.Element) -> str:
    message = skipped.get("message", "")
    if message == "collection skipped":  # a whole file; the reason is inside
        message = (skipped.text or "").rpartition("Skipped: ")[2].strip("\"')")
    return message


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
