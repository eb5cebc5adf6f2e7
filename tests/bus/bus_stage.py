# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stage for one test: its own directories, dbus-daemon, fake polkit, package index and blastd.

Everything lies below one temporary directory and everything that was started is ended with it. A
blastd that does not end well (an assertion, a sanitizer's finding) fails the test. $BLAST_BUILD names
the build tree.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest
from pathlib import Path
from typing import Any, Callable, Optional

from wire import Connection, Message

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BLAST_BUILD", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests" / "fakes"))

NAME = "org.blast.Blast1"
MANAGER_PATH = "/org/blast/Blast1"
MANAGER = f"{NAME}.Manager"
ENVIRONMENT = f"{NAME}.Environment"
JOB = f"{NAME}.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"
FAULT = f"{NAME}.Error."

NOBODY = 65534


class Lines:
    """Lines of a pipe, each waited for with a deadline (a buffered file and select() do not mix)."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._data = b""

    def next(self, timeout: float) -> str:
        """Errors: TimeoutError, EOFError."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._data:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise TimeoutError("no line came in time")
            data = os.read(self._fd, 65536)
            if not data:
                raise EOFError("the other side ended")
            self._data += data
        line, _, self._data = self._data.partition(b"\n")
        return line.decode()


class BusctlError(Exception):
    """busctl failed."""


class Stage:
    """What a test starts; `stop` ends it all."""

    def __init__(self, directory: Optional[Path] = None) -> None:
        self.is_kept = directory is not None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="blast-bus-")).resolve()
        self.directory.chmod(0o755)  # other uids must reach the bus
        self.address = f"unix:path={self.directory}/bus-socket"
        self.log = self.directory / "blastd.log"
        self.index: Any = None
        self.service: Optional[subprocess.Popen[bytes]] = None
        self._bus: Optional[subprocess.Popen[bytes]] = None
        self._polkit: Optional[subprocess.Popen[bytes]] = None
        self._polkit_lines: Optional[Lines] = None
        self._connections: list[Connection] = []

    # Directories and environment

    @property
    def private_address(self) -> str:
        return f"unix:path={self.directory}/run/bus"

    def environ(self, **more: str) -> dict[str, str]:
        """What blastd, blast and busctl get: nothing of the caller's but PATH and what tests need."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if key in ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
        }
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        places = {
            "STATE_DIRECTORY": "state",
            "CACHE_DIRECTORY": "cache",
            "RUNTIME_DIRECTORY": "run",
            "CONFIGURATION_DIRECTORY": "configuration",
        }
        return {
            **kept,
            "HOME": str(home),
            **{key: str(self.directory / name) for key, name in places.items()},
            "DBUS_SYSTEM_BUS_ADDRESS": self.address,
            "BLAST_LOG_LEVEL": "debug",
            "BLAST_TRACE": "1",
            **more,
        }

    def project(self, name: str = "project", **files: str) -> Path:
        """A project directory; `pyproject_toml="…"` writes pyproject.toml."""
        path = self.directory / name
        path.mkdir(exist_ok=True)
        for key, text in files.items():
            (path / key.replace("_", ".", 1)).write_text(text)
        return path

    # What runs

    def start_bus(self) -> None:
        configuration = self.directory / "bus.conf"
        template = (ROOT / "tests" / "bus" / "private-bus.conf").read_text()
        configuration.write_text(template.replace("@ADDRESS@", self.address))
        with (self.directory / "bus.log").open("wb") as log:
            self._bus = subprocess.Popen(
                ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._bus.stdout
        if not self._bus.stdout.readline():
            raise RuntimeError("dbus-daemon did not start")

    def start_polkit(self, *arguments: str) -> None:
        self._polkit = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "fakes" / "polkit.py", *arguments],
            env=self.environ(),
            stdout=subprocess.PIPE,
        )
        assert self._polkit.stdout
        self._polkit_lines = Lines(self._polkit.stdout.fileno())
        if self._polkit_lines.next(20) != "ready":
            raise RuntimeError("the fake polkit did not start")

    def polkit_line(self, timeout: float = 10) -> dict[str, Any]:
        """The next thing polkit was asked or told. Errors: TimeoutError."""
        assert self._polkit_lines
        line: dict[str, Any] = json.loads(self._polkit_lines.next(timeout))
        return line

    def set_verdict(self, action: str, verdict: str) -> None:
        with Connection(self.address) as connection:
            connection.call(
                "org.freedesktop.PolicyKit1", "/", "org.blast.FakePolkit", "Set", "ss", action, verdict
            )

    def start_index(self) -> Any:
        from index import Index  # of tests/fakes

        self.index = Index().start()
        return self.index

    def start_service(self, mode: str = "bus", *arguments: str, **environ: str) -> None:
        """blastd, as soon as it can be reached. Errors: RuntimeError with what it said."""
        reader, writer = os.pipe()
        program = os.environ.get("BLASTD", str(BUILD / "src" / "daemon" / "blastd"))
        with self.log.open("ab") as log:
            self.service = subprocess.Popen(
                [program, f"--{mode}", "--console", f"--ready-fd={writer}", *arguments],
                env=self.environ(**environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[writer],
            )
        os.close(writer)
        with open(reader, "rb") as pipe:
            line = pipe.readline()
        if not line.startswith(b"ready /"):
            raise RuntimeError(f"blastd did not start: {line!r}\n{self.log.read_text()}")

    def stop_service(self, number: int = signal.SIGTERM) -> int:
        """The exit status; negative: the signal that ended it."""
        assert self.service
        service, self.service = self.service, None
        service.send_signal(number)
        try:
            return service.wait(timeout=20)
        except subprocess.TimeoutExpired:
            service.kill()
            raise

    def stop_bus(self) -> None:
        assert self._bus
        self._bus.terminate()
        self._bus.wait()

    def connect(self, private: bool = False, **options: Any) -> Connection:
        """A connection that ends with the stage."""
        connection = Connection(self.private_address if private else self.address, **options)
        self._connections.append(connection)
        return connection

    def busctl(self, *arguments: str, private: bool = False) -> str:
        """What busctl printed. Errors: BusctlError with what it said."""
        return self.busctl_at(self.private_address if private else self.address, *arguments)

    def busctl_at(self, address: str, *arguments: str) -> str:
        done = subprocess.run(
            ["busctl", f"--address={address}", *arguments],
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise BusctlError(done.stderr.strip())
        return done.stdout.strip()

    def stop(self) -> int:
        """Ends everything; returns blastd's exit status, 0 if it was not running."""
        status = 0
        for connection in self._connections:
            connection.close()
        try:
            if self.service:
                status = self.stop_service()
            self._end_programs()
        finally:
            for process in (self._polkit, self._bus):
                if process:
                    process.terminate()
                    process.wait()
                    assert process.stdout
                    process.stdout.close()
            if self.index:
                self.index.stop()
            if not self.is_kept:
                shutil.rmtree(self.directory, onerror=make_removable)
        return status

    def _end_programs(self) -> None:
        """Sandboxes outlive blastd on purpose; they are found by what their monitors hold open."""
        runs = str(self.directory / "run" / "runs")
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and holds_open(process, runs):
                try:
                    os.kill(int(process.name), signal.SIGKILL)
                except ProcessLookupError:
                    pass


def holds_open(process: Path, prefix: str) -> bool:
    """Whether a process other than ours has a descriptor below @prefix."""
    if int(process.name) == os.getpid():
        return False
    try:
        return any(os.readlink(fd).startswith(prefix) for fd in (process / "fd").iterdir())
    except OSError:
        return False


def make_removable(function: Callable[[str], object], path: str, _: object) -> None:
    """Store trees and generations are read-only, on purpose."""
    os.chmod(os.path.dirname(path), 0o700)
    try:
        os.chmod(path, 0o700, follow_symlinks=os.path.islink(path) is False)
    except (FileNotFoundError, NotImplementedError):
        pass
    function(path)


def as_uid(uid: int, function: Callable[[], Any]) -> Any:
    """Runs @function in a child with that uid and no groups; its value or exception comes back."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            outcome = (True, function())
        except BaseException as error:  # noqa: BLE001: handed to the parent
            outcome = (False, (type(error).__name__, getattr(error, "name", ""), traceback.format_exc()))
        with open(writer, "wb") as pipe:
            pickle.dump(outcome, pipe)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    is_value, value = pickle.loads(data)
    if not is_value:
        raise ChildError(*value)
    return value


class ChildError(Exception):
    """An exception of as_uid's child; `error_name` is that of a D-Bus error."""

    def __init__(self, kind: str, error_name: str, trace: str) -> None:
        super().__init__(trace)
        self.kind = kind
        self.error_name = error_name


class BusTest(unittest.TestCase):
    """A test with a stage; subclasses start what they need."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.addCleanup(self._stop)

    def _stop(self) -> None:
        log = self.stage.log.read_text() if self.stage.log.exists() else ""
        status = self.stage.stop()
        outcome = getattr(self, "_outcome", None)
        if status != 0 or (outcome and not outcome.success):
            print(f"--- blastd's log of {self.id()}:\n{log}---", file=sys.stderr)
        self.assertEqual(status, 0, "blastd did not end well")

    # Short forms: `bus` is any connection, private or not.

    def manager(self, bus: Connection, member: str, *arguments: Any, **options: Any) -> list[Any]:
        return bus.call(NAME, MANAGER_PATH, MANAGER, member, *arguments, **options)

    def environment(self, bus: Connection, path: str, member: str, *arguments: Any, **options: Any) -> Any:
        return bus.call(NAME, path, ENVIRONMENT, member, *arguments, **options)

    def get(self, bus: Connection, path: str, interface: str, name: str) -> Any:
        return bus.call(NAME, path, PROPERTIES, "Get", "ss", interface, name)[0]

    def wait_job(self, bus: Connection, path: str, timeout: float = 120) -> list[Any]:
        """Waits for JobRemoved and returns GetResult: (result, error, message, hint, files, …)."""
        deadline = time.monotonic() + timeout
        while not self.get(bus, path, JOB, "Result"):

            def is_it(message: Message) -> bool:
                return bool(message.body[1] == path)

            bus.wait_signal("JobRemoved", is_it, deadline - time.monotonic())
        return bus.call(NAME, path, JOB, "GetResult")


def socketpair() -> tuple[socket.socket, socket.socket]:
    """A control socket for RunFd."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def main() -> None:
    """Runs the tests of the calling file; prints the reason of every skip in meson's way."""
    result = unittest.main(exit=False, verbosity=2).result
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}")
    if result.skipped and len(result.skipped) == result.testsRun:
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
