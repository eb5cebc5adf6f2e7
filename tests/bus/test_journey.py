# SPDX-License-Identifier: LGPL-2.1-or-later
"""One project from nothing to running programs and back, over D-Bus alone.

The first class uses busctl and nothing else, as an administrator would; the others look at what
busctl cannot do: descriptors, two clients, a daemon that is restarted under a running program.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from bus_stage import ENVIRONMENT, FAULT, JOB, MANAGER, MANAGER_PATH, NAME, BusTest, Lines, main, socketpair
from wire import BusError, Connection, Variant

PYPROJECT = """\
[project]
name = "journey"
version = "1.0"
dependencies = ["greeter"]
"""

GREET = "import greeter; print('hello from', greeter.NAME)"


def wheels(index: Any) -> None:
    index.add_wheel("greeter", "1.0", requires=["helper>=1"], files={"greeter/__init__.py": "NAME = 'greeter 1'\n"})
    index.add_wheel("helper", "1.2")
    index.add_wheel("extra", "0.1")


class Busctl(BusTest):
    """busctl on a private message bus."""

    def setUp(self) -> None:
        super().setUp()
        wheels(self.stage.start_index())
        self.stage.start_bus()
        self.stage.start_service("bus")
        self.project = self.stage.project(pyproject_toml=PYPROJECT)
        self.options = ["2", "index-url", "s", self.stage.index.url, "page-age-max", "t", "0"]
        self.path = self.call(MANAGER_PATH, MANAGER, "OpenProject", "ss", str(self.project), "")

    def call(self, path: str, interface: str, *arguments: str) -> Any:
        """The one value of the answer."""
        text = self.stage.busctl("--json=short", "call", "--", NAME, path, interface, *arguments)
        return json.loads(text)["data"][0] if text else None

    def property(self, path: str, interface: str, name: str) -> Any:
        text = self.stage.busctl("--json=short", "get-property", NAME, path, interface, name)
        return json.loads(text)["data"]

    def start(self, member: str, *arguments: str) -> str:
        path: str = self.call(self.path, ENVIRONMENT, member, *arguments)
        self.assertRegex(path, r"^/org/blast/Blast1/job/[1-9][0-9]*$")
        return path

    def finish(self, job: str, result: str = "done", timeout: float = 90) -> dict[str, Any]:
        """Waits for the one JobRemoved of the job; GetResult must say the same."""
        outcome = self.watch(job, timeout)
        self.assertEqual(outcome["result"], result, outcome)
        self.assertEqual(self.call(job, JOB, "GetResult"), result)
        return outcome

    def setup_monitor(self) -> None:
        self.monitor = subprocess.Popen(
            ["busctl", f"--address={self.stage.address}", "--json=short", "monitor", NAME],
            env=self.stage.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(self.end_monitor)
        assert self.monitor.stdout
        self.lines = Lines(self.monitor.stdout.fileno())
        self.messages: list[dict[str, Any]] = []
        for _ in range(100):  # busctl does not say when it listens: until it shows a call
            self.stage.busctl("call", NAME, "/", "org.freedesktop.DBus.Peer", "Ping")
            try:
                self.lines.next(0.1)
                return
            except TimeoutError:
                pass
        self.fail("busctl monitor shows nothing")

    def end_monitor(self) -> None:
        self.monitor.terminate()
        self.monitor.wait()
        assert self.monitor.stdout
        self.monitor.stdout.close()

    def watch(self, job: str, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while True:
            message = json.loads(self.lines.next(deadline - time.monotonic()))
            self.messages.append(message)
            if message.get("member") == "JobRemoved" and message["payload"]["data"][1] == job:
                keys = ("number", "job", "result", "error", "message")
                return dict(zip(keys, message["payload"]["data"], strict=True))

    def test_install_run_watch_kill_rollback_delete(self) -> None:
        self.setup_monitor()
        self.assertEqual(self.property(self.path, ENVIRONMENT, "State"), "empty")
        self.finish(self.start("Sync", "a{sv}", *self.options))
        self.assertEqual(self.property(self.path, ENVIRONMENT, "Generation"), 1)
        states = self.changes("State")
        self.assertIn("resolving", states)
        self.assertIn("done", states)

        self.finish(self.start("Install", "asa{sv}", "1", "extra", *self.options))
        packages = self.call(self.path, ENVIRONMENT, "ListPackages")
        self.assertEqual(
            [(row[0], row[1], row[2]) for row in packages],
            [("extra", "0.1", True), ("greeter", "1.0", True), ("helper", "1.2", False)],
        )

        job = self.start("Run", "assa{ss}a{sv}", "3", "python", "-c", GREET, "", "0", "0")
        self.finish(job)
        self.assertEqual(self.property(job, JOB, "Output"), "hello from greeter 1\n")
        self.assertEqual(self.property(job, JOB, "ExitStatus"), 0)

        self.kill_a_program()

        self.finish(self.start("Rollback", "u", "0"))
        packages = self.call(self.path, ENVIRONMENT, "ListPackages")
        self.assertEqual([row[0] for row in packages], ["greeter", "helper"])
        generations = self.call(self.path, ENVIRONMENT, "ListGenerations")
        self.assertEqual([row[0] for row in generations if row[4]], [1])

        self.finish(self.start("Delete"))
        self.assertEqual(self.call(MANAGER_PATH, MANAGER, "ListEnvironments"), [])

    def kill_a_program(self) -> None:
        sleep = "import time; print('asleep', flush=True); time.sleep(600)"
        job = self.start("Run", "assa{ss}a{sv}", "3", "python", "-c", sleep, "", "0", "0")
        deadline = time.monotonic() + 30
        runs: list[Any] = []
        while not (runs and runs[0][1]) and time.monotonic() < deadline:
            runs = self.property(self.path, ENVIRONMENT, "Runs")
            time.sleep(0.1)
        self.assertEqual(runs[0][3][:2], ["python", "-c"])
        guarantees = {row[0]: row for row in self.property(self.path, ENVIRONMENT, "Guarantees")}
        self.assertTrue(guarantees)
        self.assertEqual(self.call(self.path, ENVIRONMENT, "Kill", "ui", "0", "15"), 1)
        self.watch(job, 30)
        self.assertEqual(self.property(job, JOB, "ExitStatus"), 128 + 15)
        self.assertEqual(self.property(self.path, ENVIRONMENT, "Runs"), [])

    def changes(self, name: str) -> list[Any]:
        """The values of one property of jobs, in the order they were told."""
        values = []
        for message in self.messages:
            if message.get("member") != "PropertiesChanged" or "/job/" not in message["path"]:
                continue
            changed = message["payload"]["data"][1]
            if name in changed:
                values.append(changed[name]["data"])
        return values

    def test_unsolvable_project_names_the_package(self) -> None:
        self.setup_monitor()
        outcome = self.finish(
            self.start("Install", "asa{sv}", "1", "no-such-package", *self.options), "failed"
        )
        self.assertTrue(outcome["error"].startswith(FAULT), outcome)
        self.assertIn("no-such-package", outcome["message"])


class Private(BusTest):
    """The private socket, with descriptors."""

    def setUp(self) -> None:
        super().setUp()
        wheels(self.stage.start_index())
        self.stage.start_service("embedded")
        self.project = self.stage.project(pyproject_toml=PYPROJECT)
        self.bus = self.stage.connect(private=True)
        self.options = {"index-url": Variant("s", self.stage.index.url)}
        fd = os.open(self.project, os.O_RDONLY | os.O_DIRECTORY)
        (self.path,) = self.manager(self.bus, "OpenProjectFd", "hs", 0, "", fds=(fd,))
        os.close(fd)

    def sync(self, bus: Connection) -> list[Any]:
        (job,) = self.environment(bus, self.path, "Sync", "a{sv}", self.options)
        return self.wait_job(bus, job)

    def run_fd(self, *argv: str) -> tuple[int, Any, int]:
        """Starts a program; its number, our end of its control socket and of its output."""
        ours, theirs = socketpair()
        reader, writer = os.pipe()
        null = os.open("/dev/null", os.O_RDWR)
        arguments = ("assa{ss}ahha{sv}", list(argv), "", {}, [0, 1, 1], 2, {})
        (number,) = self.environment(
            self.bus, self.path, "RunFd", *arguments, fds=(null, writer, theirs.fileno())
        )
        for fd in (null, writer):
            os.close(fd)
        theirs.close()
        self.addCleanup(ours.close)
        return number, ours, reader

    def read_all(self, fd: int) -> str:
        with open(fd, encoding="utf-8") as pipe:
            return pipe.read()

    def test_sync_answers_with_the_lock_file_and_the_changes(self) -> None:
        result, error, message, hint, files, changes, warnings = self.sync(self.bus)
        self.assertEqual((result, error, message), ("done", "", ""), hint)
        self.assertIn("pylock.toml", [name for name, _ in files])
        self.assertEqual(
            [(action, name) for action, name, _, _ in changes],
            [("install", "greeter"), ("install", "helper")],
        )

    def test_program_gets_the_descriptors_it_was_given(self) -> None:
        self.sync(self.bus)
        _, control, reader = self.run_fd("python", "-c", GREET)
        self.assertEqual(self.read_all(reader), "hello from greeter 1\n")
        control.settimeout(20)
        while control.recv(65536):  # until the monitor has said all
            pass

    def test_two_clients_sync_one_project_at_once(self) -> None:
        other = self.stage.connect(private=True)
        jobs = [
            self.environment(bus, self.path, "Sync", "a{sv}", self.options)[0]
            for bus in (self.bus, other)
        ]
        self.assertNotEqual(*jobs)
        self.assertEqual(self.wait_job(self.bus, jobs[0])[0], "done")
        self.assertEqual(self.wait_job(other, jobs[1])[0], "done")
        self.assertEqual(self.get(self.bus, self.path, ENVIRONMENT, "Generation"), 1)

    def test_second_client_sees_and_kills_the_program_of_the_first(self) -> None:
        self.sync(self.bus)
        number, control, reader = self.run_fd("python", "-c", "import time; time.sleep(600)")
        other = self.stage.connect(private=True)
        runs = self.get(other, self.path, ENVIRONMENT, "Runs")
        self.assertEqual([run[0] for run in runs], [number])
        self.assertEqual(self.environment(other, self.path, "Kill", "ui", number, 9), [1])
        self.assertEqual(self.read_all(reader), "")

    def test_job_stays_until_it_is_released(self) -> None:
        (job,) = self.environment(self.bus, self.path, "Sync", "a{sv}", self.options)
        self.wait_job(self.bus, job)
        self.bus.call(NAME, job, JOB, "Release")
        with self.assertRaises(BusError) as caught:
            self.bus.call(NAME, job, JOB, "GetResult")
        self.assertEqual(caught.exception.name, "org.freedesktop.DBus.Error.UnknownObject")

    def test_job_of_a_client_that_left_can_be_asked_by_the_next(self) -> None:
        with Connection(self.stage.private_address) as other:
            (job,) = self.environment(other, self.path, "Sync", "a{sv}", self.options)
        self.assertEqual(self.wait_job(self.bus, job)[0], "done")

    def test_of_many_ended_jobs_the_oldest_go(self) -> None:
        for _ in range(66):
            (job,) = self.environment(self.bus, self.path, "Sync", "a{sv}", self.options)
            self.wait_job(self.bus, job)
        (jobs,) = self.manager(self.bus, "ListJobs")
        self.assertEqual(len(jobs), 64)

    def test_result_before_the_end_is_refused(self) -> None:
        self.stage.index.fault("/simple/greeter/", "stall", 2)
        (job,) = self.environment(self.bus, self.path, "Sync", "a{sv}", self.options)
        with self.assertRaises(BusError) as caught:
            self.bus.call(NAME, job, JOB, "GetResult")
        self.assertEqual(caught.exception.name, FAULT + "Busy")
        self.assertEqual(self.wait_job(self.bus, job)[0], "done")

    def test_cancelled_job_leaves_nothing(self) -> None:
        self.stage.index.fault("/simple/greeter/", "stall", 60)
        (job,) = self.environment(self.bus, self.path, "Sync", "a{sv}", self.options)
        self.bus.call(NAME, job, JOB, "Cancel")
        self.assertEqual(self.wait_job(self.bus, job)[0], "cancelled")
        self.assertEqual(self.get(self.bus, self.path, ENVIRONMENT, "Generation"), 0)

    def test_program_survives_a_restart_of_the_daemon(self) -> None:
        self.sync(self.bus)
        script = "import time; print('begun', flush=True); time.sleep(3); print('ended')"
        number, control, reader = self.run_fd("python", "-c", script)
        self.assertEqual(os.read(reader, 6), b"begun\n")
        self.assertEqual(self.stage.stop_service(), 0)
        self.stage.start_service("embedded")
        self.bus = self.stage.connect(private=True)
        runs = self.get(self.bus, self.path, ENVIRONMENT, "Runs")
        self.assertEqual([run[0] for run in runs], [number])
        self.assertEqual(self.read_all(reader), "ended\n")

        def has_ended(message: Any) -> bool:
            return "Runs" in message.body[1] and message.body[1]["Runs"] == []

        self.bus.wait_signal("PropertiesChanged", has_ended)

    def test_program_survives_a_killed_daemon(self) -> None:
        self.sync(self.bus)
        number, control, reader = self.run_fd("python", "-c", "input()")
        self.stage.stop_service(9)
        self.stage.start_service("embedded")
        self.bus = self.stage.connect(private=True)
        self.assertEqual(self.read_all(reader).count("EOFError"), 1)

    def test_idle_daemon_is_small(self) -> None:
        self.sync(self.bus)
        self.bus.close()
        assert self.stage.service
        time.sleep(1)
        rollup = Path(f"/proc/{self.stage.service.pid}/smaps_rollup").read_text()
        (size,) = (int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        if "asan" not in os.environ.get("BLAST_BUILD", ""):
            self.assertLess(size, 8 * 1024, "KiB of PSS")


if __name__ == "__main__":
    main()
