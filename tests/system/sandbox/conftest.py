# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real sandboxes for the tests of this folder: as root and as an ordinary user, in a place whose name needs care."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DRIVE = os.environ.get("BLAST_SANDBOX_DRIVE", "")
#: No passwd entry, no files: nobody's.
TEST_UID = 54321
SITE = "lib/python3.11/site-packages"
PYTHON = "/usr/bin/python3"


@dataclass
class Place:
    """One environment on disk and the user it belongs to."""

    base: Path
    uid: int
    layers: list[Path] = field(default_factory=list)

    @property
    def generation(self) -> Path:
        """The generation directory, as a state directory would have it."""
        return self.base / "state/environments/id1/generations/1"

    @property
    def project(self) -> Path:
        """Writable inside."""
        return self.base / "home/a project"

    @property
    def home(self) -> Path:
        """Hidden inside."""
        return self.base / "home"

    @property
    def run(self) -> Path:
        """Directory of the run record."""
        return self.base / "run"

    @property
    def is_root(self) -> bool:
        """Without a user namespace."""
        return self.uid == 0

    def own(self, *paths: Path) -> None:
        """Gives the paths to the user of the test."""
        if os.geteuid() == 0:
            for path in paths:
                os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def add_layer(self, name: str, files: dict[str, str]) -> Path:
        """A read-only tree below the store."""
        layer = self.base / "store" / name
        for relative, text in files.items():
            path = layer / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        layer.mkdir(parents=True, exist_ok=True)
        self.layers.append(layer)
        return layer

    def command(self, *argv: str, options: tuple[str, ...] = ()) -> list[str]:
        """The whole command line of one sandbox."""
        prefix = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"] if self.uid != os.geteuid() else []
        words = [*prefix, DRIVE, "--generation", str(self.generation), "--run", str(self.run)]
        words += ["--project", str(self.project), "--home", str(self.home)]
        words += ["--prefix", str(self.project / ".venv"), "--site-packages", SITE]
        for layer in [self.generation / ".blast/stub", *self.layers]:
            words += ["--layer", str(layer)]
        return [*words, *options, "--", *argv]

    def start(self, *argv: str, options: tuple[str, ...] = (), **more: Any) -> subprocess.Popen[str]:
        """Starts the drive; the caller waits."""
        for name in ("run", "status", "output"):
            (self.run / name).unlink(missing_ok=True)
        return subprocess.Popen(self.command(*argv, options=options), text=True, **more)

    def call(self, *argv: str, options: tuple[str, ...] = (), **more: Any) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end."""
        more.setdefault("stdin", subprocess.DEVNULL)
        process = self.start(*argv, options=options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def python(self, code: str, options: tuple[str, ...] = (), **more: Any) -> subprocess.CompletedProcess[str]:
        """Runs Python code inside."""
        return self.call(PYTHON, "-I", "-c", code, options=options, **more)

    def shell(self, code: str, options: tuple[str, ...] = (), **more: Any) -> subprocess.CompletedProcess[str]:
        """Runs shell code inside."""
        return self.call("/bin/sh", "-c", code, options=options, **more)


def make_place(uid: int) -> Place:
    """Lays out what a service would have made."""
    base = Path(tempfile.mkdtemp(prefix="bläst a:b,c ", dir="/var/tmp"))
    base.chmod(0o755)
    place = Place(base=base, uid=uid)
    for directory in (place.generation / "bin", place.generation / ".blast/stub", place.generation / "share"):
        directory.mkdir(parents=True)
    (place.generation / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", encoding="utf-8")
    (place.generation / "bin/python").symlink_to(PYTHON)
    (place.generation / "lib64").symlink_to("lib")
    (place.generation / "share/note").write_text("shared\n", encoding="utf-8")
    (base / "state/environments/id1/current").symlink_to("generations/1")
    for directory in (place.project, place.home / ".ssh", place.run):
        directory.mkdir(parents=True)
    (place.project / ".venv").symlink_to(base / "state/environments/id1/current")
    (place.home / ".ssh/id_canary").write_text("secret\n", encoding="utf-8")
    place.add_layer("one", {"first/__init__.py": "value = 'one'\n"})
    for path in [base, *base.rglob("*")]:
        place.own(path)
    return place


def why_not(uid: int) -> str | None:
    """Why sandboxes of @uid cannot be tested here."""
    if not DRIVE:
        return "BLAST_SANDBOX_DRIVE is not set: run through meson test"
    if uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        return "only root can become another user"
    found = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "test", "-x", DRIVE], check=False)
    return None if found.returncode == 0 else "the build tree cannot be reached by another user"


@pytest.fixture(params=["root", "user"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """An environment of root's and one of a user's, one after the other."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    uid = 0 if request.param == "root" else TEST_UID if os.geteuid() == 0 else os.geteuid()
    reason = why_not(uid)
    if reason:
        pytest.skip(reason)
    made = make_place(uid)
    yield made
    shutil.rmtree(made.base, ignore_errors=True)
    if made.base.exists():  # the work directories of overlays have mode 000
        subprocess.run(["rm", "-rf", str(made.base)], check=False)


def wait_for(condition: Any, what: str, seconds: float = 10) -> Any:
    """Polls until @condition gives something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {seconds} s")
