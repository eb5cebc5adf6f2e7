# SPDX-License-Identifier: LGPL-2.1-or-later
"""A terminal with a shell in it, as a person has one: a pane of a tmux server that is ours alone."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "embedded"))

from harness import TIMEOUT, World, blast_path  # noqa: E402  (found through the line above)


class Pane:
    """Use as a context manager: the server and everything in it end with it."""

    def __init__(self, world: World, directory: Path, columns: int = 100, lines: int = 30) -> None:
        self.world = world
        self.socket = world.top / "run" / "tmux"
        self.directory = directory
        self.size = (columns, lines)
        self.n_commands = 0

    def tmux(self, *arguments: str) -> str:
        environ = {**self.world.environ, "TERM": "screen"}
        command = self.world.command("tmux", "-S", self.socket, "-f", "/dev/null", *arguments)
        done = subprocess.run(command, env=environ, cwd=self.directory, text=True, capture_output=True, timeout=30)
        if done.returncode != 0:
            raise AssertionError(f"tmux {arguments}: {done.stderr}")
        return done.stdout

    def __enter__(self) -> Pane:
        columns, lines = self.size
        path = f"{blast_path().parent}:{self.world.environ['PATH']}"
        shell = f"env PATH='{path}' PS1='$ ' bash --norc --noprofile"
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(lines), shell)
        self.wait(r"^\$ $")
        return self

    def __exit__(self, *_: object) -> None:
        self.tmux("kill-server")

    def keys(self, *names: str) -> None:
        """Keys by their tmux names: C-c, Enter, Escape."""
        self.tmux("send-keys", *names)

    def type(self, text: str) -> None:
        """Text and Enter."""
        self.tmux("send-keys", "-l", text)
        self.keys("Enter")

    def resize(self, columns: int, lines: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def screen(self, escapes: bool = False) -> str:
        return self.tmux("capture-pane", "-p", *(["-e"] if escapes else []))

    def wait(self, pattern: str, seconds: float = TIMEOUT) -> re.Match[str]:
        """Waits until the screen matches (^ and $ are those of lines)."""
        end = time.monotonic() + seconds
        while True:
            screen = self.screen()
            # The shell's cursor waits behind "$ ", which tmux cuts.
            found = re.search(pattern, re.sub(r"^\$$", "$ ", screen, flags=re.MULTILINE), re.MULTILINE)
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {pattern!r}; the screen:\n{screen}")
            time.sleep(0.05)

    def run(self, command: str, seconds: float = TIMEOUT) -> tuple[str, int]:
        """Types a command and waits for its end. Returns what it showed and its status."""
        self.start(command)
        return self.finish(seconds)

    def start(self, command: str) -> None:
        self.tmux("send-keys", "-R", "C-l")
        self.tmux("clear-history")
        self.wait(r"^\$ $")
        self.n_commands += 1
        self.type(f"{command}; echo \"[end {self.n_commands}:$?]\"")

    def finish(self, seconds: float = TIMEOUT) -> tuple[str, int]:
        found = self.wait(rf"\[end {self.n_commands}:(\d+)\]$", seconds)
        screen = self.screen()
        return screen[: screen.rindex("[end ")], int(found[1])

    def modes(self) -> str:
        """The modes of the terminal as the shell's child sees them."""
        file = self.world.top / "run" / "modes"
        file.unlink(missing_ok=True)
        self.run(f"stty -g > {file}")
        return file.read_text()
