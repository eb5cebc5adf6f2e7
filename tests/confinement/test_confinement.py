#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One worker, as built: a parser behind its walls is refused everything; the others do nothing by hand.

Each attempt has a control: here, outside of the walls, it succeeds.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import unittest
from pathlib import Path

WORKER = Path(sys.argv.pop(1))
PARSERS = ("blast-fetch", "blast-resolve", "blast-unpack")
REFUSALS = {"EACCES", "EPERM", "ENOSYS"}
#: What blast-fetch must be able to do.
NETWORK = {"internet-socket", "unix-socket"}
FILES = {"open-file", "create-file", "open-directory"}
OTHERS = {"packet-socket", "exec", "fork", "trace", "signal", "namespace", "unknown-call"}


class ParserTest(unittest.TestCase):
    """Those that read foreign text: they go behind their walls before it."""

    def test_every_attempt_is_refused(self) -> None:
        done = subprocess.run([WORKER, "--confinement-test"], capture_output=True, text=True, env={})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lines = [line.split() for line in done.stdout.splitlines()]
        has_landlock = lines[0] == ["landlock", "yes"]
        found = {name: (verdict, error) for name, verdict, error in lines[1:]}
        self.assertEqual(set(found), NETWORK | FILES | OTHERS)
        for name, (verdict, error) in found.items():
            if name in NETWORK and WORKER.name == "blast-fetch":
                self.assertEqual(verdict, "granted", "the control: the filter is not simply broken")
            elif name in FILES and not has_landlock:
                self.assertEqual(verdict, "not-held")
            else:
                self.assertEqual(verdict, "refused", name)
                self.assertIn(error, REFUSALS, name)
        self.assertFalse(Path("/tmp/.blast-confinement").exists())

    def test_other_arguments_are_refused(self) -> None:
        done = subprocess.run([WORKER, "--frobnicate"], capture_output=True, text=True, env={})
        self.assertEqual(done.returncode, 1)
        self.assertIn("started by blastd", done.stderr)


class ConfinementTest(unittest.TestCase):
    def test_outside_the_same_is_possible(self) -> None:
        os.close(os.open("/etc/passwd", os.O_RDONLY))
        os.close(os.open("/", os.O_RDONLY | os.O_DIRECTORY))
        socket.socket(socket.AF_INET).close()
        socket.socket(socket.AF_UNIX).close()
        self.assertEqual(subprocess.run(["/bin/true"], check=False).returncode, 0)

    def test_by_hand_it_does_nothing(self) -> None:
        done = subprocess.run([WORKER], capture_output=True, text=True, env={}, stdin=subprocess.DEVNULL,
                              close_fds=True, timeout=20)
        self.assertNotIn(done.returncode, (0, -11, -6), "it ran without a request")
        self.assertEqual(done.stdout, "")


if WORKER.name not in PARSERS:
    del ParserTest


if __name__ == "__main__":
    unittest.main(verbosity=2)
