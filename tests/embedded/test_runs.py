#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs in the environment: status, signals, pipes, several at once, a daemon that restarts meanwhile."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import threading
import unittest
from pathlib import Path

from harness import EmbeddedTest, blast_path, main, wait_for


class RunsTest(EmbeddedTest):
    def setUp(self) -> None:
        super().setUp()
        self.world.index.load({"alpha": {"1.0": {}}})
        self.project = self.world.project(requirements="alpha\n")
        self.ok(self.world.blast(self.project, "install"))

    def run_python(self, code: str, *options: str, **more: object) -> subprocess.CompletedProcess[str]:
        return self.world.blast(self.project, "run", *options, "--", "python", "-c", code, **more)

    def test_exit_status_is_the_programs(self) -> None:
        self.assertEqual(self.run_python("raise SystemExit(7)").returncode, 7)
        self.assertEqual(self.run_python("import os; os.kill(os.getpid(), 9)").returncode, 128 + 9)

    def test_status_125_126_127(self) -> None:
        self.assertEqual(self.world.blast(self.project, "run", "there-is-no-such-program").returncode, 127)
        (self.project / "plain").write_text("no program\n")
        self.world.give(self.project)
        self.assertEqual(self.world.blast(self.project, "run", "./plain").returncode, 126)
        (self.project / "requirements.txt").write_text("alpha ==\n")
        self.assertEqual(self.world.blast(self.project, "run", "true").returncode, 125)

    def test_pipes_pass_through(self) -> None:
        done = self.run_python("import sys; print(sys.stdin.read().upper(), end='')", input="hello\nyou\n")
        self.assertEqual(self.ok(done), "HELLO\nYOU\n")
        done = self.run_python("import sys; print('out'); print('err', file=sys.stderr)")
        self.assertEqual(self.ok(done), "out\n")
        self.assertIn("err\n", done.stderr)

    def test_reader_that_leaves_ends_the_writer(self) -> None:
        line = f"yes | '{blast_path()}' run cat | head -n 2"
        done = subprocess.run(self.world.command("/bin/sh", "-c", line), cwd=self.project, env=self.world.environ,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout, "y\ny\n")

    def test_walls(self) -> None:
        class Quiet(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        probe = ("import socket, os, sys\n"
                 f"s = socket.socket(); s.settimeout(5); r = s.connect_ex(('127.0.0.1', {server.server_port}))\n"
                 "print(r)\n")
        outside = subprocess.run(["/usr/bin/python3", "-c", probe], capture_output=True, text=True)
        self.assertEqual(outside.stdout.strip(), "0")  # the positive control
        inside = self.ok(self.run_python(probe)).strip()
        self.assertIn(int(inside), {111, 101, 1, 13})  # refused, unreachable, not permitted
        self.assertTrue((self.world.home / ".ssh" / "id_canary").exists())
        done = self.run_python("import os; print(os.listdir(os.path.expanduser('~/.ssh')))")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FileNotFoundError", done.stderr)
        self.assertEqual(self.run_python("open('/usr/probe', 'w')").returncode, 1)
        self.ok(self.run_python("open('written', 'w').write('x')"))
        self.assertTrue((self.project / "written").exists())

    def start_sleeper(self) -> subprocess.Popen[str]:
        sleeper = self.world.spawn(self.project, "run", "--", "python", "-u", "-c",
                                   "import time; print('up'); time.sleep(1000)")
        self.assertEqual(sleeper.stdout.readline(), "up\n")
        self.addCleanup(sleeper.kill)
        self.addCleanup(sleeper.stdout.close)
        self.addCleanup(sleeper.stderr.close)
        return sleeper

    def test_seen_and_killed_from_a_second_terminal(self) -> None:
        sleeper = self.start_sleeper()
        runs = self.json(self.project, "status")["runs"]
        self.assertEqual(len(runs), 1)
        self.assertEqual(runs[0]["argv"][0], "python")
        self.ok(self.world.blast(self.project, "kill", str(runs[0]["run"])))
        self.assertEqual(sleeper.wait(30), 128 + 15)
        wait_for(lambda: self.json(self.project, "status")["runs"] == [], "the run to be forgotten")

    def test_kill_with_signal_of_ones_choice(self) -> None:
        sleeper = self.start_sleeper()
        self.ok(self.world.blast(self.project, "kill", "--signal", "KILL"))
        self.assertEqual(sleeper.wait(30), 128 + 9)

    def test_signals_to_the_client_reach_the_program(self) -> None:
        code = ("import os, signal, sys, time\n"
                "signal.signal(signal.SIGUSR1, lambda *a: (os.write(1, b'usr1\\n'), sys.exit(3)))\n"
                "print('up', flush=True)\n"
                "while True: time.sleep(0.05)")  # a long sleep could miss the handler's mark
        client = self.world.spawn(self.project, "run", "--", "python", "-c", code)
        self.assertEqual(client.stdout.readline(), "up\n")
        os.kill(client.pid, signal.SIGUSR1)
        out, _ = client.communicate(timeout=30)
        self.assertEqual((out, client.returncode), ("usr1\n", 3))

    def test_client_that_dies_takes_its_program_along(self) -> None:
        sleeper = self.start_sleeper()
        pid = self.json(self.project, "status")["runs"][0]["pid"]
        sleeper.kill()
        sleeper.wait()
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the program to end")

    def test_daemon_restart_leaves_the_program_alone(self) -> None:
        client = self.world.spawn(self.project, "run", "--", "python", "-u", "-c",
                                  "print('up'); input(); print('still here'); raise SystemExit(5)",
                                  stdin=subprocess.PIPE)
        self.assertEqual(client.stdout.readline(), "up\n")
        before = self.world.daemons()
        self.world.stop_daemon(signal.SIGKILL)
        runs = self.json(self.project, "status")["runs"]  # starts a new daemon, which finds the run
        self.assertEqual(len(runs), 1)
        self.assertNotEqual(self.world.daemons(), before)
        out, _ = client.communicate("\n", timeout=30)
        self.assertEqual((out, client.returncode), ("still here\n", 5))
        wait_for(lambda: self.json(self.project, "status")["runs"] == [], "the adopted run to be forgotten")

    def test_two_starts_of_one_project_at_once(self) -> None:
        fresh = self.world.project("fresh", requirements="alpha\n")
        both = [self.world.spawn(fresh, "start", "--", "python", "-c", "import alpha; print('ok')") for _ in range(2)]
        for client in both:
            out, said = client.communicate(timeout=120)
            self.assertEqual((out, client.returncode), ("ok\n", 0), said)

    def test_two_projects_at_once(self) -> None:
        projects = [self.world.project(name, requirements="alpha\n") for name in ("one", "two")]
        both = [self.world.spawn(p, "start", "--", "python", "-c", "import alpha; print('ok')") for p in projects]
        for client in both:
            out, said = client.communicate(timeout=120)
            self.assertEqual((out, client.returncode), ("ok\n", 0), said)
        self.assertGreaterEqual(len(self.json(self.project, "status", "--all")), 3)

    def test_session_with_another_runtime_directory_reaches_the_same_daemon(self) -> None:
        """As from cron or a second login, where XDG_RUNTIME_DIR is another or not set."""
        before = self.json(self.project, "status")["id"]
        daemons = self.world.daemons()
        self.world.environ.pop("XDG_RUNTIME_DIR")
        self.assertEqual(self.json(self.project, "status")["id"], before)
        self.assertEqual(self.world.daemons(), daemons)

    def test_guarantees_are_remembered_when_the_daemon_has_left(self) -> None:
        self.ok(self.run_python("pass"))
        # while a run lives, its mounts are among the rows
        wait_for(lambda: self.json(self.project, "status")["runs"] == [], "the run to be forgotten")
        before = self.json(self.project, "status")["guarantees"]
        self.assertTrue(before)
        self.world.stop_daemon()
        self.assertEqual(self.json(self.project, "status")["guarantees"], before)

    def test_no_zombies_and_no_descriptors_left(self) -> None:
        code = ("import os, subprocess\n"
                "subprocess.run(['sh', '-c', 'sleep 0.05 & sleep 0.05 &'])\n"
                "import time; time.sleep(0.5)\n"
                "states = [open(f'/proc/{p}/stat').read().rsplit(')')[1].split()[0]\n"
                "          for p in os.listdir('/proc') if p.isdigit()]\n"
                "print('Z' in states, sorted(os.listdir('/proc/self/fd'))[:4])")
        self.assertEqual(self.ok(self.run_python(code)).strip(), "False ['0', '1', '2', '3']")

    def test_paths_with_spaces_and_letters_of_all_kinds(self) -> None:
        odd = self.world.project("ein schönes 项目, mit 'Allem'", requirements="alpha\n")
        out = self.ok(self.world.blast(odd, "start", "--", "python", "-c", "import alpha, os; print(os.getcwd())"))
        self.assertEqual(out.strip(), str(odd))

    def test_environment_variables_are_scrubbed(self) -> None:
        extra = {"SSH_AUTH_SOCK": "/tmp/agent", "AWS_SECRET_ACCESS_KEY": "x"}
        out = self.ok(self.run_python("import os; print(sorted(os.environ))", environ=extra))
        self.assertNotIn("SSH_AUTH_SOCK", out)
        self.assertIn("VIRTUAL_ENV", out)
        out = self.ok(self.run_python("import os; print(os.environ['MINE'])", "--env", "MINE=1"))
        self.assertEqual(out.strip(), "1")

    def test_moved_project_keeps_its_environment_and_a_deleted_one_is_an_orphan(self) -> None:
        before = self.json(self.project, "status")["id"]
        moved = self.project.with_name("moved")
        self.project.rename(moved)
        self.ok(self.world.blast(moved, "run", "python", "-c", "import alpha"))
        self.assertEqual(self.json(moved, "status")["id"], before)
        self.ok(self.world.blast(moved, "remove", "--environment"))
        self.fails(self.world.blast(moved, "status"), 13)


if __name__ == "__main__":
    main()
