# SPDX-License-Identifier: LGPL-2.1-or-later
"""A world for one test: directories of its own, an index of its own, a daemon of its own.

The client is run as people run it, as root or (BLAST_TEST_UID) as an ordinary user. Programs are found
through BLAST_TEST_BUILD: a build directory, or a prefix where Blast is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "fakes"))

from index import Index  # noqa: E402  (found through the line above)

BUILD = Path(os.environ.get("BLAST_TEST_BUILD", HERE.parent.parent / "build"))
TIMEOUT = int(os.environ.get("BLAST_TEST_TIMEOUT", "120"))
TEST_UID = int(os.environ.get("BLAST_TEST_UID", "-1"))
SETPRIV = shutil.which("setpriv") or "setpriv"  # before a test takes PATH away


def blast_path() -> Path:
    built = BUILD / "src" / "client" / "blast"
    return built if built.exists() else BUILD / "bin" / "blast"


class World:
    """Use as a context manager: what it started is ended, what it made is removed."""

    def __init__(self, serve: bool = True) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="blast-world-"))
        self.home = self.top / "home"
        self.projects = self.home / "projects"
        self.index = Index()
        self.serve = serve
        for directory in (self.home, self.projects, self.top / "run", self.home / ".ssh"):
            directory.mkdir(parents=True, exist_ok=True)
        (self.home / ".ssh" / "id_canary").write_text("secret\n")
        (self.top / "run").chmod(0o700)
        self.top.chmod(0o755)
        self.environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.top / "run"),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "BLAST_SERVICE": "embedded",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "BLAST_LOG_LEVEL"):
            if name in os.environ:
                self.environ[name] = os.environ[name]

    def __enter__(self) -> World:
        if self.serve:
            self.index.start()
            self.environ["BLAST_INDEX_URL"] = self.index.url
        self.give(self.top)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_daemon()
        self.index.stop()
        subprocess.run(["chmod", "-R", "u+rwX", str(self.top)], check=False)
        shutil.rmtree(self.top, ignore_errors=True)

    def give(self, path: Path) -> None:
        """Makes everything below a path belong to the user the tests run as."""
        if TEST_UID >= 0:
            subprocess.run(["chown", "-hR", f"{TEST_UID}:{TEST_UID}", str(path)], check=True)

    def command(self, *arguments: str | Path) -> list[str]:
        words = [str(word) for word in arguments]
        if TEST_UID >= 0:
            drop = [SETPRIV, f"--reuid={TEST_UID}", f"--regid={TEST_UID}", "--clear-groups", "--"]
            return [*drop, *words]
        return words

    def project(self, name: str = "demo", **files: str) -> Path:
        """A directory with files; the keyword pyproject is pyproject.toml, requirements requirements.txt."""
        path = self.projects / name
        path.mkdir(parents=True, exist_ok=True)
        names = {"pyproject": "pyproject.toml", "requirements": "requirements.txt", "blast": "blast.toml"}
        for key, text in files.items():
            (path / names.get(key, key.replace("__", "."))).write_text(text)
        self.give(path)
        return path

    def blast(self, project: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Runs the client in a project directory and waits for it."""
        environ = {**self.environ, **options.pop("environ", {})}  # type: ignore[dict-item]
        return subprocess.run(
            self.command(blast_path(), *arguments),
            cwd=project,
            env=environ,
            text=True,
            capture_output=True,
            timeout=TIMEOUT,
            input=options.pop("input", ""),  # type: ignore[arg-type]
            **options,  # type: ignore[arg-type]
        )

    def spawn(self, project: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Runs the client beside us."""
        fields = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(
            self.command(blast_path(), *arguments), cwd=project, env=self.environ, text=True, **fields
        )

    def daemons(self) -> list[int]:
        """Our blastd: the processes of that name that have our home in their environment."""
        wanted = f"HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if (entry / "comm").read_text().strip() == "blastd" and wanted in (
                    entry / "environ"
                ).read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def stop_daemon(self, number: int = signal.SIGTERM) -> None:
        for pid in self.daemons():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        wait_for(lambda: not self.daemons(), "the daemon to leave", optional=True)

    def state(self) -> Path:
        return self.home / ".local" / "state" / "blast"

    def cache(self) -> Path:
        return self.home / ".cache" / "blast"


def wait_for(condition, what: str, seconds: float = 60, optional: bool = False) -> bool:  # noqa: ANN001
    """Waits until a condition holds; a test that waits in vain fails with what it waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    if optional:
        return False
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class EmbeddedTest(unittest.TestCase):
    """Tests with a world and a few words for what is asserted most."""

    maxDiff = None

    def setUp(self) -> None:
        self.world = World()
        self.world.__enter__()
        self.addCleanup(self.world.__exit__)

    def ok(self, done: subprocess.CompletedProcess[str]) -> str:
        self.assertEqual(done.returncode, 0, f"{done.args}\nstdout: {done.stdout}\nstderr: {done.stderr}")
        return done.stdout

    def fails(self, done: subprocess.CompletedProcess[str], status: int, *words: str) -> str:
        """It fails with this status, and its message holds these words."""
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, f"{done.args}\n{said}")
        for word in words:
            self.assertIn(word, said)
        return said

    def json(self, project: Path, *arguments: str) -> object:
        return json.loads(self.ok(self.world.blast(project, *arguments, "--json")))


def main() -> None:
    """Runs the tests of the calling module; skips are printed in the form that check-skips.py reads."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    for _, reason in program.result.skipped:
        print(f"skipped: {reason}")
    sys.exit(0 if program.result.wasSuccessful() else 1)
