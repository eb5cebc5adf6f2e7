#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is executed, with which descriptors; what is left after fifty runs; what an idle daemon does: nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path

import processes
from harness import EmbeddedTest, blast_path, main, wait_for

SHOW = "import alpha; print('here')"
#: What others need and we do not.
TOOLS = ("pip", "pip3", "uv", "bwrap", "ip", "nft", "unzip", "curl", "newuidmap", "mount", "git")
WORKERS = {"blast-fetch", "blast-resolve", "blast-unpack", "blast-stage", "blast-monitor", "blast-exec"}
OURS = {"blast", "blastd", *WORKERS}
#: What each worker finds open above the three standard streams, in order, by kind.
DESCRIPTORS = {
    "blast-fetch": "memfd socket directory socket",
    "blast-resolve": "memfd socket directory directory socket",
    # a wheel and where to; or where to and both halves of the store, to copy or to flush
    "blast-unpack": "memfd socket (file directory|directory directory directory)",
    "blast-stage": "memfd socket directory( directory)?",
    # sources of mounts come last
    "blast-monitor": "memfd memfd memfd file namespace (namespace|null) directory socket null"
    " memfd( directory| file)*",
    # a helper has neither channel nor lock
    "blast-exec": "memfd (socket memfd file|null memfd null)( directory| file)*",
}


def kind_of(link: str) -> str:
    """A descriptor by what it is, not by which."""
    if link.startswith("/memfd:"):
        return "memfd"
    if link.startswith(("socket:", "pipe:", "anon_inode:")):
        return link.split(":")[0] if not link.startswith("anon") else link
    if re.match(r"(mnt|user|net|pid):", link):
        return "namespace"
    if link == "/dev/null":
        return "null"
    return "directory" if Path(link).is_dir() else "file"


def descriptors_of(pid: int) -> list[tuple[int, str]]:
    directory = Path(f"/proc/{pid}/fd")
    return sorted((int(entry.name), kind_of(str(entry.readlink()))) for entry in directory.iterdir())


def is_held(pid: int) -> bool:
    """Whether strace holds a process at the end of execve(2)."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text().split()[0] == "59"
    except OSError:
        return False


def switches(pid: int) -> int:
    """How often a process was taken from the processor: unchanged means that it never woke."""
    status = Path(f"/proc/{pid}/status").read_text()
    return sum(int(n) for n in re.findall(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE))


class ProcessesCase(EmbeddedTest):
    def setUp(self) -> None:
        processes.become_reaper()
        super().setUp()
        entry_points = "[console_scripts]\nalpha-say = alpha:main\n"
        text = "def main():\n    print('alpha speaks')\n"
        self.world.index.load({"alpha": {"1.0": {"files": {"alpha.py": text}, "entry_points": entry_points}}})
        self.project = self.world.project(requirements="alpha\n")

    def settle(self) -> None:
        wait_for(lambda: self.json(self.project, "status")["venv"] == "complete", "the copy for editors")

    def only_python(self) -> None:
        """A PATH on which there is nothing but the interpreter."""
        directory = self.world.top / "only"
        directory.mkdir()
        (directory / "python3").symlink_to("/usr/bin/python3")
        self.world.environ["PATH"] = str(directory)
        for tool in TOOLS:
            self.assertIsNone(shutil.which(tool, path=str(directory)))

    def strace(self, *options: str) -> list[str]:
        """The words before a command that is to be traced with all that it starts."""
        program = shutil.which("strace")
        if program is None:
            self.skipTest("strace is not installed")
        self.trace = self.world.top / "trace"
        self.trace.touch()
        self.world.give(self.trace)
        # -D: the client is our child, and strace, which ends with the daemon, is not
        return [program, "-D", "-f", "-qq", "-s", "4096", "-o", str(self.trace), *options, "--"]


class ExecutedTest(ProcessesCase):
    def executed(self, *arguments: str) -> list[str]:
        """Runs a verb with a daemon of its own; returns the paths of all programs that were started."""
        self.world.stop_daemon()
        words = [*self.strace("-e", "trace=execve"), *self.world.command(blast_path(), *arguments)]
        with (self.world.top / "said").open("w+") as said, (self.world.top / "errors").open("w+") as errors:
            done = subprocess.run(words, cwd=self.project, env=self.world.environ, stdout=said,
                                  stderr=errors, timeout=300, stdin=subprocess.DEVNULL)
            said.seek(0)
            errors.seek(0)
            self.said = said.read()
            self.assertEqual(done.returncode, 0, errors.read())
        self.settle()
        self.world.stop_daemon()
        wait_for(lambda: not processes.descendants(), "everybody to end")
        # A call that another process interrupts is written in two lines.
        began: dict[str, str] = {}
        paths = []
        for line in self.trace.read_text().splitlines():
            pid = line.split()[0]
            named = re.search(r'execve\("([^"]+)"', line)
            if named:
                began[pid] = named[1]
            if re.search(r"execve.*= 0$", line):
                self.assertIn(pid, began, f"{line}\n{self.trace.read_text()}")
                paths.append(began[pid])
        return [path for path in paths if Path(path).name != "setpriv"]  # ours, to become the user

    def test_only_our_workers_and_the_interpreter(self) -> None:
        self.only_python()
        paths = self.executed("start", "--", "python", "-c", SHOW)
        self.assertEqual(self.said.strip(), "here")
        names = {Path(path).name for path in paths}
        self.assertLessEqual(OURS, names, "the trace shows everybody")
        others = {path for path in paths if Path(path).name not in OURS}
        self.assertTrue(others, "the trace shows the interpreter")
        for path in others:
            self.assertRegex(Path(path).name, r"^python(3(\.\d+)?)?$")
        ours = {str(Path(path).parent) for path in paths if Path(path).name in WORKERS}
        self.assertEqual(len(ours), 1, "all workers lie in one directory")

    def test_children_of_the_program_are_its_own_business(self) -> None:
        self.ok(self.world.blast(self.project, "install"))
        code = "import subprocess; print(subprocess.run(['/bin/echo', 'child'], capture_output=True, text=True).stdout)"
        paths = self.executed("run", "--", "python", "-c", code)
        self.assertEqual(self.said.strip(), "child")
        rest = [path for path in paths if Path(path).name not in OURS]
        # Bytecode and the copy for editors are made before, beside or after it.
        self.assertEqual({Path(path).name for path in rest if not re.match("python", Path(path).name)}, {"echo"})
        before = Path(rest[rest.index("/bin/echo") - 1]).name
        self.assertRegex(before, r"^python(3(\.\d+)?)?$")
        self.assertEqual(paths.count("/bin/echo"), 1)

    def test_script_of_a_package_is_executed_itself(self) -> None:
        self.only_python()
        self.ok(self.world.blast(self.project, "install"))
        paths = self.executed("run", "alpha-say")
        self.assertEqual(self.said.strip(), "alpha speaks")
        names = [Path(path).name for path in paths if Path(path).name not in OURS]
        self.assertEqual([name for name in names if not re.match("python", name)], ["alpha-say"])

    def test_second_start_executes_no_parser(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        self.settle()
        names = [Path(path).name for path in self.executed("start", "--", "python", "-c", SHOW)]
        self.assertEqual(names, ["blast", "blastd", "blast-monitor", "blast-exec", "python"])


class DescriptorsTest(ProcessesCase):
    def test_workers_find_what_is_named_and_nothing_else(self) -> None:
        """Each worker is held before its first instruction, and its descriptors are read."""
        held = self.strace("-e", "trace=execve", "-e", "inject=execve:delay_exit=250000")
        words = [*held, *self.world.command(blast_path(), "start", "--", "python", "-c", SHOW)]
        said = (self.world.top / "said").open("w+")
        self.addCleanup(said.close)
        client = subprocess.Popen(words, cwd=self.project, env=self.world.environ, text=True,
                                  stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.DEVNULL)
        seen: dict[tuple[int, str], list[tuple[int, str]]] = {}
        while client.poll() is None or {p.name for p in processes.descendants()} & WORKERS:
            for process in processes.descendants():
                key = (process.pid, process.name)
                if process.name in WORKERS and key not in seen and is_held(process.pid):
                    seen[key] = descriptors_of(process.pid)
            time.sleep(0.01)
        said.seek(0)
        self.assertEqual((said.read(), client.wait()), ("here\n", 0))
        for (_, name), found in seen.items():
            with self.subTest(worker=name, found=found):
                kinds = [kind for _, kind in found]
                self.assertEqual([fd for fd, _ in found], list(range(len(found))), "a gap")
                self.assertLessEqual(set(kinds[:3]), {"null", "file", "pipe", "memfd"})
                self.assertRegex(" ".join(kinds[3:]), f"^{DESCRIPTORS[name]}$")
        self.assertEqual({name for _, name in seen}, WORKERS)


class LeftTest(ProcessesCase):
    N_RUNS = 50

    def test_nothing_is_left_after_fifty_runs(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        self.settle()
        self.world.blast(self.project, "run", "false")
        (daemon,) = self.world.daemons()
        wait_for(lambda: self.json(self.project, "status")["runs"] == [], "the run to be forgotten")
        before = [kind for _, kind in descriptors_of(daemon)]
        for i in range(self.N_RUNS):
            done = self.world.blast(self.project, "run", "sh", "-c", f"exit {i}")
            self.assertEqual(done.returncode, i, done.stderr)
        wait_for(lambda: self.json(self.project, "status")["runs"] == [], "the runs to be forgotten")
        self.assertEqual(self.world.daemons(), [daemon])
        wait_for(lambda: len(descriptors_of(daemon)) <= len(before), "descriptors to be closed", 5, True)
        after = [kind for _, kind in descriptors_of(daemon)]
        self.assertEqual(sorted(after), sorted(before), "descriptors leak")
        self.assertEqual(processes.descendants(daemon), [], "children or zombies are left")
        self.assertEqual(list((self.world.top / "run" / "blast" / "runs").iterdir()), [])

    def test_idle_means_asleep(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        self.settle()
        code = "import time; print('up', flush=True); time.sleep(1000)"
        client = self.world.spawn(self.project, "run", "--", "python", "-c", code)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        self.assertEqual(client.stdout.readline(), "up\n")
        (daemon,) = self.world.daemons()
        asleep = {p.pid: p.name for p in processes.descendants() if p.name in OURS}
        self.assertEqual(sorted(asleep.values()), ["blast", "blast-exec", "blast-monitor", "blastd"])
        time.sleep(1)  # what came just before is over
        before = {pid: switches(pid) for pid in asleep}
        time.sleep(5)
        after = {pid: switches(pid) for pid in asleep}
        woken = {asleep[pid]: after[pid] - before[pid] for pid in asleep if after[pid] != before[pid]}
        self.assertEqual(woken, {}, "they woke although nothing happened")
        self.ok(self.world.blast(self.project, "list"))  # the control: this wakes it
        self.assertGreater(switches(daemon), after[daemon])


if __name__ == "__main__":
    main()
