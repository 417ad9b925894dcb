"""Whether a path lies on a network file system, as the kernel says of the path itself (`statfs`).

The answer of `statfs` holds for bind mounts, containers and automounts alike, and needs no table of mounts to be
parsed. There, SQLite's write-ahead log does not work (it needs memory that all its users share) and locks are only as
good as the server's: see `lockfile`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from pathlib import Path

NETWORK_TYPES = {
    0x6969: "nfs",
    0x517B: "smb",
    0xFE534D42: "smb2",
    0xFF534D42: "cifs",
    0x01021997: "9p",
    0x5346414F: "afs",
    0x6B414653: "afs",
    0x73757245: "coda",
    0x00C36400: "ceph",
    0x0BD00BD0: "lustre",
    0x47504653: "gpfs",
    0x19830326: "beegfs",
    0xAAD7AAEA: "panfs",
    0x01161970: "gfs2",
    0x7461636F: "ocfs2",
    0x564C: "ncp",
    0x65735546: "fuse",  # sshfs, s3fs, glusterfs, virtiofs …: the kernel does not say which, and few of them are local
    0x786F4256: "vboxsf",
    0xBACBACBC: "vmhgfs",
}
"""`f_type` of the file systems that several machines may use at once, from Linux's `magic.h` and statfs(2)."""

_HERE, _FORCE_SYNC, _BASIC_STATS, _STATX_BYTES = -100, 0x2000, 0x7FF, 256  # of statx(2)
_STATFS_WORDS = 64  # more than any Linux's `struct statfs`, whose first word is `f_type`


def network_type(path: Path) -> str | None:
    """The kind of network file system that a path is on, which need not exist; None for a local one.

    Other systems than Linux are not asked: there, every path counts as local.
    """
    number = type_number(path)
    return None if number is None else NETWORK_TYPES.get(number)


def look_again(path: Path) -> None:
    """Have the kernel ask the server how a file is now, as far as it can: what it remembers may be of before."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            answer = ctypes.create_string_buffer(_STATX_BYTES)
            ctypes.CDLL(None).statx(_HERE, os.fsencode(path), _FORCE_SYNC, _BASIC_STATS, answer)


def type_number(path: Path) -> int | None:
    """`f_type` of the file system of a path or, where nothing is there yet, of its nearest folder; None if unknown."""
    if sys.platform != "linux":
        return None
    try:
        statfs = ctypes.CDLL(None, use_errno=True).statfs
    except (OSError, AttributeError):
        return None
    answer = (ctypes.c_long * _STATFS_WORDS)()
    for place in (path, *path.parents):
        if statfs(os.fsencode(place), answer) == 0:
            return answer[0] & 0xFFFFFFFF
        if ctypes.get_errno() not in (errno.ENOENT, errno.ENOTDIR):
            return None
    return None
