# SPDX-License-Identifier: LGPL-2.1-or-later
"""The terminal: opened inside, relayed outside, with job control."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time

from conftest import Place


class Session:
    """A program on a terminal of the sandbox's own."""

    def __init__(self, place: Place, *argv: str) -> None:
        self.commands_read, self.commands = os.pipe()
        events_read, events_write = os.pipe()
        options = ("--terminal", "--commands", str(self.commands_read), "--events", str(events_write))
        self.process = place.start(
            *argv,
            options=options,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self.commands_read, events_write),
            bufsize=0,
        )
        os.close(events_write)
        self.events = os.fdopen(events_read)
        self.text = ""

    def send(self, data: bytes) -> None:
        """Types."""
        assert self.process.stdin
        os.write(self.process.stdin.fileno(), data)

    def expect(self, pattern: str) -> re.Match[str]:
        """Reads until the text matches."""
        assert self.process.stdout
        end = time.monotonic() + 20
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end() :]
                return found
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {pattern!r} in time: {self.text!r}"
            data = os.read(self.process.stdout.fileno(), 4096)
            assert data, f"ended without {pattern!r}: {self.text!r}"
            self.text += data.decode()

    def close(self) -> int:
        """Waits for the end."""
        status = self.process.wait(timeout=20)
        self.events.close()
        os.close(self.commands_read)
        os.close(self.commands)
        return status


def test_streams_are_a_controlling_terminal(place: Place) -> None:
    code = "import os, sys; print([os.isatty(i) for i in range(3)], os.ttyname(0), os.get_terminal_size()); open('/dev/tty')"
    session = Session(place, "/usr/bin/python3", "-I", "-c", code)
    session.expect(r"\[True, True, True\] /dev/pts/0 os.terminal_size\(columns=99, lines=33\)")
    assert session.close() == 0


def test_interrupt_key_ends_the_program(place: Place) -> None:
    # Not a shell: dash loses an interrupt that comes just before it forks, outside a sandbox too. Short sleeps:
    # CPython does not see one that comes between its last look and a long sleep.
    session = Session(place, "/usr/bin/python3", "-I", "-c", "import time; print('ready', flush=True)\nwhile True: time.sleep(0.05)")
    session.expect("ready")
    session.send(b"\x03")
    assert session.close() == 128 + 2


def test_suspend_key_stops_and_continue_goes_on(place: Place) -> None:
    session = Session(place, "/usr/bin/python3", "-I", "-c", "print('ready', flush=True); input(); print('done')")
    session.expect("ready")
    assert session.events.readline().startswith("started")
    session.send(b"\x1a")
    assert session.events.readline() == "stopped 20\n"
    os.write(session.commands, b"continue\n")
    assert session.events.readline() == "continued\n"
    session.send(b"\n")
    session.expect("done")
    assert session.close() == 0


def test_shell_has_job_control(place: Place) -> None:
    session = Session(place, "/bin/bash", "--norc", "-i")
    # No shell below the shell: one that is stopped between vfork and exec keeps its parent from stopping.
    session.send(b"PS1='> '\n/usr/bin/python3 -I -c \"import time; print('go-' + str(1 + 1), flush=True); [time.sleep(0.05) for _ in range(2000)]\"\n")
    session.expect("go-2")
    session.send(b"\x1a")
    session.expect("Stopped")
    session.send(b"kill %1; wait; echo back-$((6 * 7))\n")
    session.expect("back-42")
    session.send(b"exit 9\nexit 9\n")  # the first may only warn of a job that has not ended yet
    assert session.close() == 9


def test_keystroke_injection_is_refused(place: Place) -> None:
    code = "import fcntl, sys\ntry: fcntl.ioctl(0, 0x5412, b'x')\nexcept OSError as e: print('errno', e.errno)"
    session = Session(place, "/usr/bin/python3", "-I", "-c", code)
    session.expect("errno 1")
    assert session.close() == 0


def test_client_that_leaves_hangs_the_terminal_up(place: Place) -> None:
    session = Session(place, "/bin/sh", "-c", "trap 'echo x > hung-up; exit' HUP; echo ready; while :; do sleep 0.05; done")
    session.expect("ready")
    os.write(session.commands, b"close\n")
    session.close()
    assert (place.project / "hung-up").exists()
