#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs at a terminal: editors, interrupts, stopping and continuing, resizing, pipes, passwords, shells."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pane import Pane  # noqa: E402  (found through the line above)

from harness import EmbeddedTest, main, wait_for  # noqa: E402  (pane.py makes it found)

READY = "blast run --no-sync"


@unittest.skipUnless(shutil.which("tmux"), "no tmux")
class TerminalTest(EmbeddedTest):
    def setUp(self) -> None:
        super().setUp()
        self.world.index.load({"alpha": {"1.0": {}}, "beta": {"1.0": {}}})
        self.project = self.world.project(requirements="alpha\n")
        self.ok(self.world.blast(self.project, "install"))
        self.pane = Pane(self.world, self.project)
        self.pane.__enter__()
        self.addCleanup(self.pane.__exit__)

    def python(self, code: str) -> str:
        """A command line that runs a program of its own file."""
        number = len(list(self.project.glob("program*.py")))
        path = self.project / f"program{number}.py"
        path.write_text(code)
        self.world.give(path)
        return f"{READY} python -u {path.name}"

    def client(self) -> int:
        """The process of the client that runs in the pane."""
        wanted = f"HOME={self.world.home}".encode()
        found = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and self.is_client(entry, wanted)]
        self.assertEqual(len(found), 1)
        return int(found[0].name)

    @staticmethod
    def is_client(entry: Path, wanted: bytes) -> bool:
        try:
            name = (entry / "comm").read_text().strip()
            return name == "blast" and wanted in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            return False

    @unittest.skipUnless(shutil.which("vim"), "no vim")
    def test_vim_edits_stops_and_continues(self) -> None:
        (self.project / "text").write_text("first\n")
        self.world.give(self.project / "text")
        before = self.pane.modes()
        self.pane.start(f"{READY} vim -u NONE -i NONE text")
        self.pane.wait("^first$")
        self.pane.wait("^~$")
        self.pane.keys("o")
        self.pane.tmux("send-keys", "-l", "second line")
        self.pane.keys("Escape")
        self.pane.wait("^second line$")

        self.pane.keys("C-z")
        self.pane.wait(r"Stopped.*vim")
        self.pane.finish()
        self.assertEqual(self.pane.modes(), before)
        self.pane.start("jobs")
        self.assertRegex(self.pane.finish()[0], r"Stopped .*vim")
        self.pane.start("fg")
        self.pane.wait("^second line$")
        self.pane.wait("^~$")

        self.pane.type(":wq")
        self.assertEqual(self.pane.finish()[1], 0)
        self.assertEqual((self.project / "text").read_text(), "first\nsecond line\n")
        self.assertEqual(self.pane.modes(), before)

    def test_interrupt_is_the_programs(self) -> None:
        before = self.pane.modes()
        self.pane.start(self.python("import time\nprint('up')\nwhile True: time.sleep(0.05)\n"))
        self.pane.wait("^up$")
        self.pane.keys("C-c")
        said, status = self.pane.finish()
        self.assertIn("KeyboardInterrupt", said)
        self.assertEqual(status, 130)
        self.pane.start(self.python(
            "import time\nprint('up')\ntry:\n    while True: time.sleep(0.05)\nexcept KeyboardInterrupt:\n    print('caught')\n    raise SystemExit(7)\n"))
        self.pane.wait("^up$")
        self.pane.keys("C-c")
        said, status = self.pane.finish()
        self.assertIn("caught", said)
        self.assertEqual(status, 7)
        self.assertEqual(self.pane.modes(), before)

    def test_stopped_program_is_a_job_of_the_shell(self) -> None:
        self.pane.start(self.python("import time\nfor i in range(10000):\n    print('tick', i)\n    time.sleep(0.05)\n"))
        self.pane.wait("^tick 3$")
        self.pane.keys("C-z")
        self.assertEqual(self.pane.finish()[1], 128 + signal.SIGTSTP)
        stopped = self.pane.screen()
        self.pane.start("fg")
        last = max(int(line.split()[1]) for line in stopped.splitlines() if line.startswith("tick"))
        self.pane.wait(f"^tick {last + 3}$")
        self.pane.keys("C-c")
        self.pane.wait("KeyboardInterrupt")
        self.pane.finish()

    def test_pipeline_stops_and_continues(self) -> None:
        self.pane.start(f"{READY} python -u -c \"import time; print('up'); time.sleep(1); print('awake'); time.sleep(1000)\" | cat")
        self.pane.wait("^up$")
        self.pane.keys("C-z")
        self.pane.finish()
        self.pane.start("fg")
        self.pane.wait("^awake$")
        self.pane.keys("C-c")
        self.pane.wait("^KeyboardInterrupt")
        self.pane.wait(r"^\$ $")
        self.assertEqual(self.json(self.project, "status")["runs"], [])

    def test_background_program_does_not_touch_the_terminal(self) -> None:
        self.pane.start(self.python("import time\nprint('up')\ntime.sleep(2)\nprint(input('name? ').upper())\n") + " & sleep 1")
        self.pane.wait("^up")
        self.pane.finish()
        said, _ = self.pane.run("jobs")
        self.assertIn("Running", said)
        said, status = self.pane.run("echo typed in the meantime")
        self.assertIn("typed in the meantime", said)
        self.pane.start("fg")
        self.pane.wait("name?")
        self.pane.type("blast")
        said, status = self.pane.finish()
        self.assertIn("BLAST", said)
        self.assertEqual(status, 0)

    def test_new_size_reaches_the_program(self) -> None:
        code = ("import os, signal, time\n"
                "def show(*_):\n    size = os.get_terminal_size(); os.write(1, f'{size.columns}x{size.lines}\\n'.encode())\n"
                "signal.signal(signal.SIGWINCH, show)\nshow()\nwhile True: time.sleep(0.05)\n")
        self.pane.start(self.python(code))
        self.pane.wait("^100x30$")
        self.pane.resize(71, 23)
        self.pane.wait("^71x23$")
        self.pane.keys("C-c")
        self.pane.finish()

    def test_pipes_keep_their_ends(self) -> None:
        (self.project / "lines").write_text("".join(f"line {i}\n" for i in range(100000)))
        said, status = self.pane.run(f"cat lines | {READY} cat | head -3")
        self.assertEqual([line for line in said.splitlines() if line.startswith("line")], ["line 0", "line 1", "line 2"])
        self.assertEqual(status, 0)
        said, _ = self.pane.run(f"{READY} cat lines | tail -1")
        self.assertIn("line 99999", said)

    def test_terminal_input_to_a_pipe(self) -> None:
        self.pane.start(f"{READY} sh -c 'echo up >&2; exec cat' | tr a-z A-Z")
        self.pane.wait("^up$")
        self.pane.type("hello")
        self.pane.keys("C-d")
        said, status = self.pane.finish()
        self.assertIn("HELLO", said)
        self.assertEqual(status, 0)

    def test_interactive_python(self) -> None:
        self.pane.start(f"{READY} python -q")
        self.pane.wait("^>>>")
        self.pane.type("import os; [os.isatty(i) for i in range(3)]")
        self.pane.wait(r"^\[True, True, True\]$")
        self.pane.type("name = input('name? ')")
        self.pane.wait(r"^name\?")
        self.pane.type("blast")
        self.pane.type("name.upper()")
        self.pane.wait("^'BLAST'$")
        self.pane.type("while True: pass")
        self.pane.keys("Enter")
        self.pane.keys("C-c")
        self.pane.wait("^KeyboardInterrupt$")
        self.pane.type("'still' + ' here'")
        self.pane.wait("^'still here'$")
        self.pane.keys("C-d")
        self.assertEqual(self.pane.finish()[1], 0)

    def test_password_is_not_shown(self) -> None:
        before = self.pane.modes()
        self.pane.start(self.python("import getpass\nprint(getpass.getpass('secret: ')[::-1])\n"))
        self.pane.wait("^secret:")
        self.pane.type("abcdef")
        said, _ = self.pane.finish()
        self.assertIn("fedcba", said)
        self.assertNotIn("abcdef", said)
        self.assertEqual(self.pane.modes(), before)

    def test_shell_inside_has_jobs(self) -> None:
        before = self.pane.modes()
        self.pane.start("SHELL=/bin/bash blast start")
        self.pane.wait("^A shell inside")
        self.pane.type("PS1='in''side> '")
        self.pane.wait("^inside>")
        self.pane.type("sleep 1000")
        self.pane.keys("C-z")
        self.pane.wait("Stopped +sleep 1000")
        self.pane.type("bg")
        self.pane.wait(r"sleep 1000 &")
        self.pane.type("jobs")
        self.pane.wait("Running +sleep 1000")
        self.pane.type("fg")
        self.pane.wait("^sleep 1000$")
        self.pane.keys("C-c")
        self.pane.type("python -c 'import alpha; print(alpha.__name__, \"imported\")'")
        self.pane.wait("^alpha imported$")
        self.pane.type("exit 5")
        self.assertEqual(self.pane.finish()[1], 5)
        self.assertEqual(self.pane.modes(), before)

    def test_modes_are_restored_after_every_end(self) -> None:
        before = self.pane.modes()
        raw = "import time, tty\ntty.setraw(0)\nprint('up')\nwhile True: time.sleep(0.05)\n"
        self.pane.start(self.python(raw))
        self.pane.wait("^up")
        self.ok(self.world.blast(self.project, "kill", "--signal", "KILL"))
        self.assertEqual(self.pane.finish()[1], 128 + signal.SIGKILL)
        self.assertEqual(self.pane.modes(), before)

        self.pane.start(self.python(raw))
        self.pane.wait("^up")
        os.kill(self.client(), signal.SIGTERM)
        self.assertEqual(self.pane.finish()[1], 128 + signal.SIGTERM)
        self.assertEqual(self.pane.modes(), before)

        self.assertEqual(self.pane.run(f"{READY} there-is-no-such-program")[1], 127)
        self.assertEqual(self.pane.modes(), before)

    def test_daemon_that_dies_leaves_the_terminal_to_the_program(self) -> None:
        self.pane.start(self.python("print('up')\nprint(input('name? ').upper())\n"))
        self.pane.wait("^up")
        self.world.stop_daemon(signal.SIGKILL)
        self.pane.type("blast")
        said, status = self.pane.finish()
        self.assertIn("BLAST", said)
        self.assertEqual(status, 0)

    def test_terminal_that_goes_away_ends_the_program(self) -> None:
        self.pane.start(self.python("import time\nprint('up')\nwhile True: time.sleep(0.05)\n"))
        self.pane.wait("^up")
        pid = self.json(self.project, "status")["runs"][0]["pid"]
        self.pane.tmux("new-window", "-d", "sleep 1000")
        self.pane.tmux("kill-window", "-t", ":0")
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the program to end")


@unittest.skipUnless(shutil.which("tmux"), "no tmux")
class LooksTest(EmbeddedTest):
    def setUp(self) -> None:
        super().setUp()
        self.world.index.load({"alpha": {"1.0": {"files": {"alpha.py": os.urandom(200000).hex()}}}})
        self.project = self.world.project(requirements="alpha\n")
        self.pane = Pane(self.world, self.project)
        self.pane.__enter__()
        self.addCleanup(self.pane.__exit__)

    def test_first_start_says_what_it_did(self) -> None:
        self.pane.start("blast install")
        self.pane.wait(r"^\+ alpha 1.0$| \+ alpha 1.0$")
        said, status = self.pane.finish()
        self.assertRegex(said, r"(?m)^Installed 1 package in \d+\.\d s\.$")
        self.assertEqual(status, 0)
        self.assertRegex(self.pane.run("blast install")[0], r"(?m)^1 package, nothing to change\.$")

    def test_interrupted_download_is_cancelled(self) -> None:
        before = self.pane.modes()
        self.world.index.fault(r"/files/alpha/.*\.whl$", "stall", 30, times=1)
        self.pane.start("blast install")
        self.pane.wait("^(Downloading|Resolving)")
        self.pane.wait("^Downloading")
        self.pane.keys("C-c")
        said, status = self.pane.finish(10)
        self.assertEqual(status, 33)
        self.assertIn("ancelled", said)
        self.assertEqual(self.pane.modes(), before)
        self.assertEqual(self.pane.run("blast install")[1], 0)

    def test_colours_are_optional(self) -> None:
        self.pane.run("blast install")
        self.assertIn("\x1b[32m", self.pane.screen(escapes=True))
        self.pane.start("export NO_COLOR=1; blast --no-pager status")
        self.pane.finish()
        self.assertNotIn("\x1b[", self.pane.screen(escapes=True))

    def test_columns_are_respected(self) -> None:
        self.pane.run("blast run python -c pass")
        said, _ = self.pane.run("COLUMNS=70 blast --no-pager status")
        table = said[said.index("GUARANTEE"):].split("\n\n")[0]
        self.assertLessEqual(max(len(line) for line in table.splitlines()), 70)

    def test_pager_only_at_a_terminal(self) -> None:
        self.pane.run("blast install")
        self.assertIn("paged: PACKAGE", self.pane.run("BLAST_PAGER=\"sed 's/^/paged: /'\" blast list")[0])
        self.assertNotIn("paged: PACKAGE", self.pane.run("BLAST_PAGER=\"sed 's/^/paged: /'\" blast list | cat")[0])
        self.assertNotIn("paged: PACKAGE", self.pane.run("BLAST_PAGER=\"sed 's/^/paged: /'\" blast --no-pager list")[0])


if __name__ == "__main__":
    main()
