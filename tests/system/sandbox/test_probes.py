# SPDX-License-Identifier: LGPL-2.1-or-later
"""Attacks from inside (probes.py), one sandbox for all of them, with the host as the positive control."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile

import pytest
from conftest import PYTHON, Place
from probes import CONTROLLED, PREAMBLE, PROBES, WRAP

#: Runs each probe in a process of its own, so that one cannot change what the next one meets.
RUNNER = """
import json, subprocess, sys
probes = json.load(sys.stdin)
results = {}
for name, code in probes:
    done = subprocess.run([sys.executable, "-I", "-c", WRAP, code], capture_output=True, text=True, timeout=30)
    results[name] = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else f"status {done.returncode} {done.stderr[-200:]}"
print(json.dumps(results))
"""

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the system calls are those of x86-64")


@pytest.fixture(name="abstract")
def listen_abstract():
    """A listener every process of this network namespace can reach by name."""
    name = f"blast-canary-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen(64)
        yield name


def texts(names: set[str] | None, abstract: str) -> str:
    """The probes as the runner reads them."""
    head = f"OUTSIDE = {os.getpid()}\nABSTRACT = {abstract!r}\n" + PREAMBLE
    return json.dumps([(name, head + code) for name, code, _ in PROBES if names is None or name in names])


def test_every_probe_is_contained(place: Place, abstract: str) -> None:
    runner = f"WRAP = {WRAP!r}\n" + RUNNER
    process = place.start(PYTHON, "-I", "-c", runner, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(texts(None, abstract), timeout=120)
    assert process.returncode == 0, err
    results = json.loads(out)
    expected = {name: refusals for name, _, refusals in PROBES}
    wrong = {name: found for name, found in results.items() if found not in expected[name]}
    assert not wrong
    assert set(results) == set(expected)


@pytest.mark.skipif(os.geteuid() != 0, reason="the control needs root")
def test_controls_get_through_outside(abstract: str) -> None:
    runner = f"WRAP = {WRAP!r}\n" + RUNNER
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        done = subprocess.run(
            [sys.executable, "-I", "-c", runner], input=texts(CONTROLLED, abstract), capture_output=True, text=True, cwd=directory, check=True
        )
    results = json.loads(done.stdout)
    contained = {name: found for name, found in results.items() if found not in ("ALLOWED", "exit 0")}
    assert not contained
