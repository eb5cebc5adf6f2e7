# SPDX-License-Identifier: LGPL-2.1-or-later
"""A project, an index and the directories of a coordinator for one test of this folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "fakes"))

from index import Index  # noqa: E402

DRIVE = Path(os.environ.get("BLAST_BUILD", ROOT / "build")) / "tests" / "system" / "sync" / "sync-drive"
PYPROJECT = """\
[project]
name = "demo"
version = "1"
requires-python = ">=3.8"
dependencies = ["alpha"]
"""
TOOL = "[console_scripts]\nalpha-tool = alpha:main\n"
ALPHA = "VALUE = 1\n\n\ndef main():\n    print('tool', VALUE)\n    return 3\n"


class Outcome:
    """What one call of sync-drive printed, as lists of lines by their first word."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.status = process.returncode
        self.text = process.stdout
        self.errors = process.stderr
        self.lines = process.stdout.splitlines()

    def all(self, word: str) -> list[str]:
        return [line[len(word) + 1 :] for line in self.lines if line.split(" ", 1)[0] == word]

    def one(self, word: str) -> str:
        found = self.all(word)
        if not found:
            raise AssertionError(f"no line '{word}' in:\n{self.text}{self.errors}")
        return found[-1]


class Stage:
    """Everything lies below one temporary directory, removed at the end."""

    def __init__(self, name: str = "project") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="blast-sync-")).resolve()
        self.project = self.directory / name
        self.project.mkdir()
        (self.project / "pyproject.toml").write_text(PYPROJECT)
        self.index = Index().start()
        self.index.add_wheel(
            "alpha", "1.0", requires=["beta>=1"], files={"alpha.py": ALPHA}, entry_points=TOOL
        )
        self.index.add_wheel("beta", "1.0")
        self.index.add_wheel("beta", "2.0")
        self.index.add_wheel("gamma", "0.5")

    def stop(self) -> None:
        self.index.stop()
        for path, directories, _ in os.walk(self.directory):
            for directory in directories:
                where = Path(path, directory)
                if not where.is_symlink():
                    where.chmod(0o755)  # trees are read-only
        shutil.rmtree(self.directory)

    def environ(self) -> dict[str, str]:
        kept = ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
        environ = {name: os.environ[name] for name in kept if name in os.environ}
        for kind in ("state", "cache", "runtime"):
            environ[f"{kind.upper()}_DIRECTORY"] = str(self.directory / kind)
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        return {**environ, "HOME": str(home), "INDEX_URL": self.index.url}

    def drive(self, *words: str, fail_at: Optional[str] = None, project: Optional[Path] = None) -> Outcome:
        environ = self.environ()
        if fail_at:
            environ["BLAST_FAIL_AT"] = fail_at
        process = subprocess.run(
            [str(DRIVE), str(project or self.project), *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if process.returncode < 0 and not (fail_at and process.returncode == -signal.SIGKILL):
            raise AssertionError(f"ended by signal {-process.returncode}: {process.stderr}")
        return Outcome(process)

    # What lies on the disk

    def environments(self) -> list[Path]:
        return sorted(p for p in (self.directory / "state" / "environments").iterdir())

    def current(self) -> Path:
        (environment,) = [p for p in self.environments() if not p.name.startswith(".")]
        return environment / "current"

    def leftovers(self) -> list[str]:
        """Files that belong to nobody: staging rooms, hidden generations, half copies."""
        found = []
        cache, state = self.directory / "cache", self.directory / "state"
        for place in [cache / "staging", cache / "trash"]:
            found += [str(p) for p in place.iterdir()] if place.is_dir() else []
        for place in [cache / "trees", cache / "bytecode", cache / "downloads"]:
            found += [str(p) for p in place.glob(".*")]
        found += [str(p) for p in (state / "environments").glob(".*")]
        found += [str(p) for p in (state / "environments").glob("*/generations/.*")]
        found += [str(p) for p in (state / "environments").glob("*/generations/*/.lib*")]
        return sorted(found)

    def check_trees(self) -> int:
        """Every tree of the store holds what its RECORD says; returns how many there are."""
        n = 0
        for tree in (self.directory / "cache" / "trees").iterdir():
            n += 1
            (record,) = tree.glob("site-packages/*.dist-info/RECORD")
            for line in record.read_text().splitlines():
                name, digest, size = line.rsplit(",", 2)
                if not digest:
                    continue
                data = (tree / "site-packages" / name).read_bytes()
                found = hashlib.sha256(data).hexdigest()
                kind, _, value = digest.partition("=")
                assert kind == "sha256" and len(data) == int(size), f"{tree}: {line}"
                assert bytes.fromhex(found) == decode(value), f"{tree}: {name} is wrong"
        return n


def decode(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
