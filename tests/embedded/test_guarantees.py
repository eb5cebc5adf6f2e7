#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each row of `blast status --json` against what is so: seen from inside the sandbox, with a control outside.

A row is never trusted because it says "held": the table below names, for every row, a probe that prints what
a program inside finds. The same probe outside of the walls must find something else, else it shows nothing.
A row without a probe fails the test.
"""

from __future__ import annotations

import http.server
import subprocess
import threading
import unittest

import processes
from harness import TEST_UID, EmbeddedTest, main, wait_for

PRELUDE = """
import errno, os, socket, sys
def status(name):
    return [l.split()[1] for l in open('/proc/self/status') if l.startswith(name + ':')][0]
def flags(path):
    return os.statvfs(path).f_flag
def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return 'possible'
"""
NAMESPACE = "print(os.readlink('/proc/self/ns/{}'))"
#: Of each row: code that prints what is found.
PROBES = {
    "mount-isolation": NAMESPACE.format("mnt"),
    "process-isolation": NAMESPACE.format("pid"),
    "ipc-isolation": NAMESPACE.format("ipc"),
    "hostname-isolation": NAMESPACE.format("uts"),
    "cgroup-view": NAMESPACE.format("cgroup"),
    "user-namespace": NAMESPACE.format("user"),
    "network-none": "s = socket.socket(); s.settimeout(5); print(s.connect_ex(('127.0.0.1', PORT)) == 0)",
    "no-new-privileges": "print(status('NoNewPrivs'))",
    "system-calls": "print(status('Seccomp'))",
    "capabilities-none": "print(status('CapBnd').strip('0') == '')",
    "home-hidden": "print(os.path.exists(os.path.expanduser('~/.ssh/id_canary')))",
    "base-read-only": "print(bool(flags('/') & os.ST_RDONLY))",
    "kernel-files-hidden": "print(os.access('/proc/kallsyms', os.R_OK))",
    "packages-shared-read-only": "print([l.split()[2] for l in open('/proc/self/mounts') if l.split()[1].endswith('site-packages')])",
    "set-id-ignored": "print(bool(flags(os.getcwd()) & os.ST_NOSUID))",
    "devices-ignored": "print(bool(flags(os.getcwd()) & os.ST_NODEV))",
    "system-mounts-read-only": "print(refused(os.utime, '/usr'))",
}
#: Rows about limits, which are asked for with a key.
LIMITS = {
    "memory-limit": "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[1])",
    "process-limit": "import resource; print(resource.getrlimit(resource.RLIMIT_NPROC)[1])",
    "file-size-limit": "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE)[1])",
}
#: Where root outside finds the same, because the machine has it so already.
SAME_OUTSIDE_AS_USER = {"base-read-only", "kernel-files-hidden", "system-mounts-read-only", "capabilities-none"}

#: Room for the shadow of a sanitizer.
MEMORY_LIMIT = 1 << 46


class GuaranteesTest(EmbeddedTest):
    def setUp(self) -> None:
        processes.become_reaper()
        super().setUp()
        self.world.index.load({"alpha": {"1.0": {}}})
        self.project = self.world.project(requirements="alpha\n")
        self.ok(self.world.blast(self.project, "install"))
        wait_for(lambda: self.json(self.project, "status")["venv"] == "complete", "the copy for editors")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.port = server.server_port

    def code(self, probe: str) -> str:
        return PRELUDE + probe.replace("PORT", str(self.port))

    def inside(self, probe: str) -> str:
        return self.ok(self.world.blast(self.project, "run", "python", "-c", self.code(probe))).strip()

    def outside(self, probe: str) -> str:
        """The same program, as the same user, without walls."""
        words = self.world.command("/usr/bin/python3", "-c", self.code(probe))
        done = subprocess.run(words, cwd=self.project, env=self.world.environ, capture_output=True, text=True)
        return self.ok(done).strip()

    def rows(self) -> dict[str, dict[str, str]]:
        return {row["name"]: row for row in self.json(self.project, "status")["guarantees"]}

    def test_before_a_run_nothing_is_promised(self) -> None:
        fresh = self.world.project("fresh", requirements="alpha\n")
        self.ok(self.world.blast(fresh, "install"))
        status = self.json(fresh, "status")
        self.assertEqual([row for row in status["guarantees"] if row["state"] == "held"], [])

    def test_every_row_is_what_a_program_finds(self) -> None:
        code = "import time; print('up', flush=True); time.sleep(1000)"
        client = self.world.spawn(self.project, "run", "--", "python", "-c", code)
        self.assertEqual(client.stdout.readline(), "up\n")
        rows = self.rows()  # of a run that lives: its mounts are looked at, too
        client.kill()
        client.communicate()
        self.assertEqual(set(rows), set(PROBES), "rows and probes")
        for name, probe in PROBES.items():
            with self.subTest(row=name):
                found, control = self.inside(probe), self.outside(probe)
                holds = rows[name]["state"] == "held"
                print(f"{name}: {rows[name]['state']}; inside {found}, outside {control}")
                if name in SAME_OUTSIDE_AS_USER and TEST_UID >= 0 and found == control:
                    continue  # a user has no control: the machine refuses already
                if name == "user-namespace":
                    self.assertEqual(holds, found != control)
                elif holds:
                    self.assertNotEqual(found, control, "the probe finds the same without walls")
        self.assertIn("net namespace", rows["network-none"]["mechanism"])

    def test_network_row_has_a_positive_control(self) -> None:
        self.assertEqual(self.outside(PROBES["network-none"]), "True")
        self.assertEqual(self.inside(PROBES["network-none"]), "False")
        self.assertEqual(self.rows()["network-none"]["state"], "held")

    def test_limits_say_what_the_kernel_has(self) -> None:
        self.inside("pass")
        self.assertEqual(self.rows().keys() & LIMITS.keys(), set(), "nothing was asked for")
        (self.project / "blast.toml").write_text(
            f"[sandbox.resources]\nmemory_limit = {MEMORY_LIMIT}\nprocess_limit = 64\n")
        self.world.give(self.project)
        done = self.world.blast(self.project, "start", "--", "python", "-c", self.code(LIMITS["memory-limit"]))
        self.assertEqual(self.ok(done).strip(), str(MEMORY_LIMIT))
        rows = self.rows()
        self.assertEqual(rows["memory-limit"]["state"], "weaker")
        self.assertIn("RLIMIT_DATA", rows["memory-limit"]["mechanism"])
        found = self.inside(LIMITS["process-limit"])
        self.assertEqual(rows["process-limit"]["state"], "weaker" if TEST_UID >= 0 else "not-held")
        self.assertEqual(found, "64")


if __name__ == "__main__":
    main()
