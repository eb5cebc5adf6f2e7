# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who runs below this test. The test is made the reaper of all its descendants, so that nobody escapes."""

from __future__ import annotations

import ctypes
import os
import signal
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def become_reaper() -> None:
    """From now on whoever loses its parent becomes our child, and stays a zombie until we look."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    state: str
    name: str


def all_processes() -> list[Process]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            head, _, rest = (entry / "stat").read_text().rpartition(")")
        except OSError:
            continue
        fields = rest.split()
        found.append(Process(int(entry.name), int(fields[1]), fields[0], head.partition("(")[2]))
    return found


def descendants(of: int = 0) -> list[Process]:
    """Everybody below a process, but for zombies that wait for ourselves."""
    processes = all_processes()
    below = {of or os.getpid()}
    found: list[Process] = []
    grown = True
    while grown:
        grown = False
        for process in processes:
            if process.parent in below and process.pid not in below:
                below.add(process.pid)
                found.append(process)
                grown = True
    return [p for p in found if p.state != "Z" or p.parent != os.getpid()]


def children_named(parent: int, name: str) -> list[int]:
    """Direct children by name, as fast as can be asked: workers live for milliseconds."""
    try:
        pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [int(pid) for pid in pids if Path(f"/proc/{pid}/comm").read_text().strip() == name]
    except OSError:
        return []


def reap(name: str) -> list[int]:
    """Collects our zombies of this name; returns how they ended (negative: by this signal)."""
    ends = []
    for process in all_processes():
        if process.parent == os.getpid() and process.state == "Z" and process.name == name:
            _, status = os.waitpid(process.pid, 0)
            ends.append(os.waitstatus_to_exitcode(status))
    return ends


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """False when it is gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def mounts_below(path: Path) -> list[str]:
    """Mount points of this mount namespace below a directory."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in points if point.startswith(f"{path}/")]
