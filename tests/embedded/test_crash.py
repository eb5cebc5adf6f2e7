#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Killed with SIGKILL at every step and at any moment: the next start works, and shows the old or the new.

The steps are those of src/environment/fail-point.h; a test fails when one of them is not tried here. What
lies on the disk is judged by disk.py, which asks Blast nothing.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import tomllib
import unittest
from pathlib import Path

import disk
import processes
from harness import BUILD, EmbeddedTest, blast_path, main, wait_for

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("BLAST_TEST_ROUNDS", "20"))
SEED = int(os.environ.get("BLAST_TEST_SEED", str(int.from_bytes(os.urandom(4), "little"))))
HEAD = '[project]\nname = "demo"\nversion = "1.0"\n'
SHOW = "import alpha, beta; print(alpha.__version__, beta.__version__)"
OLD = {"alpha": "1.5", "beta": "1.2"}
NEW = {**OLD, "gamma": "1.0"}

#: Which journeys come by which step.
FIRST_AND_CHANGE = ("first", "change")
JOURNEYS = {
    "job-started": FIRST_AND_CHANGE,
    "resolved": FIRST_AND_CHANGE,
    "wheel-fetched": FIRST_AND_CHANGE,
    "wheel-unpacked": FIRST_AND_CHANGE,
    "trees-flushed": FIRST_AND_CHANGE,
    "trees-published": FIRST_AND_CHANGE,
    "journal-begun": (*FIRST_AND_CHANGE, "rollback"),
    "stage-made": FIRST_AND_CHANGE,
    "stage-chosen": (*FIRST_AND_CHANGE, "rollback"),
    "journal-ended": (*FIRST_AND_CHANGE, "rollback"),
    "bytecode-published": FIRST_AND_CHANGE,
    "copy-made": FIRST_AND_CHANGE,
    "copy-shown": FIRST_AND_CHANGE,
    "generation-hidden": ("collect",),
    "environment-hidden": ("delete",),
}


def fail_points() -> list[str]:
    """The one list of steps."""
    header = (ROOT / "src/environment/fail-point.h").read_text()
    definition = re.search(r"#define FAIL_POINTS((?:.*\\\n)*.*)", header)
    assert definition
    return re.findall(r'"([a-z-]+)"', definition[1])


def can_fail() -> bool:
    """Whether this build looks at BLAST_FAIL_AT at all."""
    daemon = BUILD / "src" / "daemon" / "blastd"
    return daemon.exists() and b"BLAST_FAIL_AT" in daemon.read_bytes()


def module(name: str) -> dict[str, str]:
    """A package of some size, so that every step takes a moment."""
    files = {f"{name}/__init__.py": "__version__ = '1.0'\n"}
    generator = random.Random(name)
    for i in range(60):
        lines = [f"VALUE_{j} = {generator.random()!r}\n" for j in range(200)]
        files[f"{name}/part{i}.py"] = "".join(lines)
    return files


class CrashCase(EmbeddedTest):
    def setUp(self) -> None:
        processes.become_reaper()
        super().setUp()
        self.addCleanup(self.check_nothing_lives)
        self.world.index.load(
            {
                "alpha": {"1.0": {}, "1.5": {"requires": ["beta>=1,<2"]}},
                "beta": {"1.0": {}, "1.2": {}, "2.0": {}},
                "gamma": {"1.0": {"files": module("gamma")}},
            }
        )
        self.project = self.world.project(pyproject=HEAD + 'dependencies = ["alpha>=1"]\n')

    # The state before

    def start(self) -> subprocess.CompletedProcess[str]:
        return self.world.blast(self.project, "start", "--", "python", "-c", SHOW)

    def settle(self) -> None:
        """Until nothing happens in the background."""
        wait_for(lambda: self.json(self.project, "status")["venv"] == "complete", "the copy for editors")

    def wait_for_jobs(self) -> None:
        """Until the daemon has done what clients that are gone asked for."""
        wait_for(lambda: self.json(self.project, "status")["state"] != "changing", "the jobs to end")

    def kill_at(self, point: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a verb under a new daemon that ends itself at a step."""
        self.world.stop_daemon()
        processes.reap("blastd")
        done = self.world.blast(self.project, *arguments, environ={"BLAST_FAIL_AT": point})
        ends: list[int] = []
        wait_for(lambda: ends.extend(processes.reap("blastd")) or ends, f"the daemon to end at {point}", 30, True)
        self.assertEqual(ends, [-signal.SIGKILL], f"'{point}' was not reached\n{done.stdout}{done.stderr}")
        self.wait_until_alone()
        return done

    # The state after

    def wait_until_alone(self) -> None:
        wait_for(lambda: not processes.descendants(), "everybody to end", 20, True)
        self.assertEqual(processes.descendants(), [], "processes without a daemon")

    def check_nothing_lives(self) -> None:
        self.world.stop_daemon()
        self.wait_until_alone()
        self.assertEqual(processes.mounts_below(self.world.top), [])

    def wheels(self) -> list[bytes]:
        return [file.data for files in self.world.index.projects.values() for file in files]

    def check_disk(self) -> None:
        """What a look at the files alone can tell, at any moment."""
        self.assertEqual(disk.wrong_of_store(self.world.cache(), self.wheels()), [])
        self.assertEqual(disk.wrong_of_venv(self.project), [])
        tomllib.loads((self.project / "pyproject.toml").read_text())
        if (self.project / "pylock.toml").exists():
            tomllib.loads((self.project / "pylock.toml").read_text())

    def listed(self) -> dict[str, str]:
        done = self.world.blast(self.project, "list", "--json")
        if done.returncode == 13:  # there is no environment yet
            return {}
        import json

        self.ok(done)
        return {package["name"]: package["version"] for package in json.loads(done.stdout)}

    def check_recovery(self, *states: dict[str, str]) -> dict[str, str]:
        """The crash left one of these states, and everything works from there."""
        self.check_disk()
        shown = disk.shown_packages(self.project)
        if shown is not None:
            self.assertIn(shown, states, ".venv shows a mixture")
        found = self.listed()
        self.assertIn(found, states, "'list' shows a mixture")
        if shown is not None:
            self.assertEqual(shown, found, ".venv and 'list' differ")
        self.check_start()
        return found

    def check_start(self) -> dict[str, str]:
        """The next start works, and afterwards everything is in order. Returns what is installed."""
        self.assertEqual(self.ok(self.start()).strip(), "1.5 1.2")
        self.settle()
        found = self.listed()
        self.check_disk()
        self.assertEqual(disk.shown_packages(self.project), found)
        self.world.stop_daemon()  # what it was in the middle of is swept by the next one
        self.assertEqual(self.listed(), found)
        rest = lambda: disk.leftovers(self.world.cache(), self.world.state())  # noqa: E731
        wait_for(lambda: not rest(), "leftovers to be removed", 10, True)
        self.assertEqual(rest(), [])
        names = ", ".join(name.replace("-", "_") for name in found)
        self.ok(self.world.blast(self.project, "run", "python", "-c", f"import {names}"))
        return found


@unittest.skipUnless(can_fail(), "needs a developer build, which looks at BLAST_FAIL_AT")
class StepsTest(CrashCase):
    def first(self, point: str) -> None:
        self.kill_at(point, "start", "--", "python", "-c", SHOW)
        self.check_recovery({}, OLD)
        self.assertEqual(self.listed(), OLD)

    def change(self, point: str) -> None:
        self.ok(self.start())
        self.settle()
        self.kill_at(point, "install", "gamma")
        self.check_recovery(OLD, NEW)
        self.ok(self.world.blast(self.project, "install", "gamma"))
        self.assertEqual(self.check_start(), NEW)

    def rollback(self, point: str) -> None:
        self.ok(self.start())
        self.ok(self.world.blast(self.project, "install", "gamma"))
        self.settle()
        self.kill_at(point, "rollback")
        self.check_recovery(OLD, NEW)

    def collect(self, point: str) -> None:
        with (self.project / "pyproject.toml").open("a") as file:
            file.write("\n[tool.blast.env_layer]\nmax_snapshots = 1\n")
        self.ok(self.start())
        self.settle()
        self.kill_at(point, "install", "gamma")
        self.check_recovery(NEW)
        (environment,) = (self.world.state() / "environments").iterdir()
        self.assertEqual(len(list((environment / "generations").iterdir())), 1)

    def delete(self, point: str) -> None:
        self.ok(self.start())
        self.settle()
        self.kill_at(point, "remove", "--environment")
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.check_start(), OLD)
        self.assertEqual(len(list((self.world.state() / "environments").iterdir())), 1)

    def test_every_step_is_tried_and_every_try_is_a_step(self) -> None:
        called = set()
        for path in (ROOT / "src").rglob("*.c"):
            called |= set(re.findall(r'fail_point_reach\("([a-z-]+)"', path.read_text()))
        self.assertEqual(called, set(fail_points()), "fail-point.h is the one list of steps")
        self.assertEqual(set(JOURNEYS), set(fail_points()), "test_crash.py tries every step")


def make_tests() -> None:
    for point in fail_points():
        for journey in JOURNEYS.get(point, ()):
            name = f"test_{journey}_killed_at_{point.replace('-', '_')}"
            setattr(StepsTest, name, lambda self, p=point, j=journey: getattr(self, j)(p))


make_tests()


def can_mount_images() -> str:
    """Why a power cut cannot be played here; empty if it can."""
    if os.geteuid() != 0:
        return "only root can mount a file system of its own"
    if not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        return "needs mkfs.ext4 and loop devices"
    return ""


@unittest.skipUnless(can_fail(), "needs a developer build, which looks at BLAST_FAIL_AT")
class PowerCutTest(CrashCase):
    """The home lies on a disk of its own. At a step everything is killed and the disk is copied as it is then,
    so that what was not flushed is lost; the copy is mounted in its place, as after a power cut.

    noauto_da_alloc: the file system does not repair missing flushes for us. No commit of the journal comes by
    itself (commit=300) while the disk is copied; that nothing was written meanwhile is compared.
    """

    def setUp(self) -> None:
        if can_mount_images():
            self.skipTest(can_mount_images())
        super().setUp()
        self.images = Path(tempfile.mkdtemp(prefix="blast-disk-"))
        self.addCleanup(shutil.rmtree, self.images, True)
        self.disk = self.images / "disk"
        with self.disk.open("wb") as file:
            file.truncate(96 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.disk], check=True)
        pyproject = (self.project / "pyproject.toml").read_text()
        self.mount()
        self.addCleanup(self.unmount)
        self.project = self.world.project(pyproject=pyproject)
        self.world.give(self.world.home)
        subprocess.run(["sync", "-f", self.world.home], check=True)

    def mount(self) -> None:
        options = "loop,commit=300,noauto_da_alloc"
        subprocess.run(["mount", "-t", "ext4", "-o", options, self.disk, self.world.home], check=True)

    def unmount(self) -> None:
        self.world.stop_daemon()
        self.wait_until_alone()
        if self.world.home.is_mount():
            subprocess.run(["umount", self.world.home], check=True)

    def cut_power(self) -> None:
        self.world.stop_daemon(signal.SIGKILL)
        self.wait_until_alone()
        (self.world.home / "not-flushed").write_text("x" * 4096)
        copy = self.images / f"copy{time.monotonic_ns()}"
        subprocess.run(["cp", "--sparse=always", self.disk, copy], check=True)
        same = subprocess.run(["cmp", "-s", self.disk, copy], check=False).returncode == 0
        self.assertTrue(same, "the disk was written to while it was copied")
        subprocess.run(["umount", self.world.home], check=True)
        self.disk = copy
        self.mount()
        lost = self.world.home / "not-flushed"
        self.assertFalse(lost.exists() and lost.read_text(), "the control: what is not flushed is lost")

    def check_file_system(self) -> None:
        self.unmount()
        done = subprocess.run(["fsck.ext4", "-fn", self.disk], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def at(self, point: str) -> None:
        self.ok(self.start())
        self.settle()
        self.world.stop_daemon()
        subprocess.run(["sync", "-f", self.world.home], check=True)
        self.kill_at(point, "install", "gamma")
        self.cut_power()
        self.check_recovery(OLD, NEW)
        self.ok(self.world.blast(self.project, "install", "gamma"))
        self.assertEqual(self.check_start(), NEW)
        self.check_file_system()

    def test_what_was_told_to_be_done_is_there(self) -> None:
        self.ok(self.start())
        self.ok(self.world.blast(self.project, "install", "gamma"))
        self.cut_power()
        self.assertEqual(self.check_recovery(NEW), NEW)
        self.check_file_system()


def make_power_cuts() -> None:
    for point in fail_points():
        if "change" in JOURNEYS.get(point, ()):
            name = f"test_power_cut_at_{point.replace('-', '_')}"
            setattr(PowerCutTest, name, lambda self, p=point: self.at(p))


make_power_cuts()


class MomentsTest(CrashCase):
    """SIGKILL from outside: whoever it hits, whenever it does."""

    def install_interrupted(self, name: str, victim: str, after: float) -> str:
        """Installs, and kills after some seconds; returns who was hit."""
        client = self.world.spawn(self.project, "install", name, stdin=subprocess.DEVNULL)
        time.sleep(after)
        everybody = processes.descendants()
        workers = [p for p in everybody if p.name.startswith("blast-")]
        chosen = {
            "everybody": everybody,
            "daemon": [p for p in everybody if p.name == "blastd"],
            "client": [p for p in everybody if p.name in ("blast", "setpriv")],
            "worker": workers[:1],
        }[victim]
        for process in chosen:
            processes.kill(process.pid)
        client.communicate(timeout=60)
        return " ".join(process.name for process in chosen) or "nobody"

    def test_random_moments(self) -> None:
        generator = random.Random(SEED)
        print(f"seed {SEED}: BLAST_TEST_SEED={SEED} repeats these {ROUNDS} rounds", flush=True)
        self.ok(self.start())
        began = time.monotonic()
        self.ok(self.world.blast(self.project, "install", "gamma"))
        self.settle()
        longest = time.monotonic() - began
        for i in range(ROUNDS):
            name = f"extra{i}"
            self.world.index.add_wheel(name, "1.0", files=module(name))
            victim = generator.choice(["everybody", "daemon", "daemon", "client", "worker"])
            after = generator.uniform(0, longest)
            before = self.listed()
            hit = self.install_interrupted(name, victim, after)
            if victim in ("everybody", "daemon"):
                self.wait_until_alone()
            else:
                self.wait_for_jobs()  # the daemon lives: what was asked for may still come true
            print(f"round {i}: {victim} after {after * 1000:.0f} ms, hit {hit}", flush=True)
            with self.subTest(round=i, seed=SEED):
                self.check_recovery(before, {**before, name: "1.0"})
            processes.reap("blastd")


    def test_file_torn_before_its_rename_is_swept(self) -> None:
        self.ok(self.start())
        self.settle()
        self.world.stop_daemon()
        environment = next((self.world.state() / "environments").iterdir())
        torn = environment / ".journal.0123456789abcdef"
        torn.write_text("half")
        self.world.give(environment)
        self.listed()
        self.assertFalse(torn.exists())


class WorkersTest(CrashCase):
    """One worker of each kind is killed: the job fails with a sentence, the daemon lives on."""

    def catch(self, client: subprocess.Popen[str], name: str) -> bool:
        """Kills the first worker of this name that the daemon starts."""
        while client.poll() is None:
            for daemon in self.world.daemons():
                while client.poll() is None and Path(f"/proc/{daemon}").exists():
                    found = processes.children_named(daemon, name)
                    if found and processes.kill(found[0]):
                        return True
        return False

    def killed(self, worker: str, sentence: str, fault: tuple[str, str, object] | None = None) -> None:
        self.ok(self.start())
        self.settle()
        daemons = self.world.daemons()
        for i in range(20):  # a worker may be faster than our eye
            name = f"extra{i}"
            self.world.index.add_wheel(name, "1.0", files=module(name))
            before = self.listed()
            made = self.world.index.fault(*fault) if fault else None
            client = self.world.spawn(self.project, "install", name)
            hit = self.catch(client, worker)
            if made:
                self.world.index.faults.remove(made)
            _, said = client.communicate(timeout=60)
            if hit and client.returncode != 0:
                self.assertRegex(said, sentence)
                self.assertEqual(self.world.daemons(), daemons, "the daemon did not live on")
                self.check_recovery(before, {**before, name: "1.0"})
                self.ok(self.world.blast(self.project, "install", name))
                self.assertEqual(self.check_start(), {**before, name: "1.0"})
                return
        self.fail(f"no {worker} could be caught in 20 installations")

    def test_fetcher(self) -> None:
        self.killed("blast-fetch", "blast-fetch|talks to the index", (r"/simple/extra", "stall", 3))

    def test_resolver(self) -> None:
        self.killed("blast-resolve", "blast-resolve", (r"/simple/extra", "stall", 3))

    def test_unpacker(self) -> None:
        self.killed("blast-unpack", "blast-unpack")

    @unittest.skipUnless(can_fail(), "needs a developer build, which looks at BLAST_FAIL_AT")
    def test_stager_alone_leaves_daemon_and_disk_of_one_mind(self) -> None:
        """The daemon used to go on with the old generation after the stager had chosen the new one."""
        for point, states in (("stage-made", (OLD,)), ("stage-chosen", (NEW,))):
            with self.subTest(point=point):
                self.world.stop_daemon()
                self.ok(self.start())
                self.world.stop_daemon()
                environ = {"BLAST_FAIL_AT": f"{point}:alone"}
                done = self.world.blast(self.project, "install", "gamma", environ=environ)
                self.assertEqual(done.returncode == 0, states == (NEW,), done.stderr)
                self.settle()
                self.assertIn(self.listed(), states)
                self.assertEqual(disk.shown_packages(self.project), self.listed())
                self.check_disk()

    def test_stager(self) -> None:
        self.killed("blast-stage", "blast-stage")

    def run_sleeper(self) -> tuple[subprocess.Popen[str], int]:
        self.ok(self.start())
        self.settle()
        code = "import time; print('up', flush=True); time.sleep(1000)"
        client = self.world.spawn(self.project, "run", "--", "python", "-c", code)
        self.assertEqual(client.stdout.readline(), "up\n")
        (daemon,) = self.world.daemons()
        (monitor,) = processes.children_named(daemon, "blast-monitor")
        return client, monitor

    def check_run_ended(self, client: subprocess.Popen[str], status: int) -> str:
        _, said = client.communicate(timeout=30)
        self.assertEqual(client.returncode, status, said)
        wait_for(lambda: self.json(self.project, "status")["runs"] == [], "the run to be forgotten")
        names = {p.name for p in processes.descendants()}
        self.assertEqual(names, {"blastd"}, "something of the sandbox lives on")
        self.check_recovery(OLD)
        return said

    def test_monitor(self) -> None:
        client, monitor = self.run_sleeper()
        processes.kill(monitor)
        self.check_run_ended(client, 125)

    def test_first_process_of_the_sandbox(self) -> None:
        client, monitor = self.run_sleeper()
        (first,) = processes.children_named(monitor, "blast-exec")
        processes.kill(first)
        self.check_run_ended(client, 128 + signal.SIGKILL)


if __name__ == "__main__":
    assert blast_path().exists(), "BLAST_TEST_BUILD names no build"
    main()
