# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of the project, as the lint programs see them, and how they report."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

C_SUFFIXES = (".c", ".h")
#: Not written by us, or inputs that are wrong on purpose.
FOREIGN = ("tests/corpus/", "tests/data/", "tests/fuzz/corpus/", "src/bpf/vmlinux.h")


class Report:
    """Counts and prints what is wrong, one line each, in the form that editors jump to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.n_wrong = 0

    def wrong(self, path: Path, line: int, text: str) -> None:
        print(f"{path.relative_to(self.root)}:{line}: {text}")
        self.n_wrong += 1

    def warn(self, path: Path, line: int, text: str) -> None:
        print(f"{path.relative_to(self.root)}:{line}: warning: {text}")

    def status(self) -> int:
        if self.n_wrong > 0:
            print(f"{self.n_wrong} to be mended", file=sys.stderr)
        return 1 if self.n_wrong > 0 else 0


def tree_files(root: Path) -> Iterator[Path]:
    """All files of the project: what git knows or would add; outside of git everything but builds."""
    asked = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode == 0:
        paths = [root / name for name in asked.stdout.split("\0") if name]
    else:
        paths = [
            path
            for path in root.rglob("*")
            if not path.relative_to(root).parts[0].startswith(("build", "."))
        ]
    for path in sorted(set(paths)):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink() and not name.startswith(FOREIGN):
            yield path


def c_files(root: Path) -> Iterator[Path]:
    return (path for path in tree_files(root) if path.suffix in C_SUFFIXES)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; nothing of a binary one."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def shebang(path: Path) -> str:
    with path.open("rb") as file:
        line = file.readline(200)
    return line.decode("ascii", "replace").strip() if line.startswith(b"#!") else ""


def strip_c_lines(lines: list[str]) -> list[str]:
    """The lines of a C file with comments, strings and characters blanked out, as many as before."""
    result: list[str] = []
    in_comment = False
    for line in lines:
        out: list[str] = []
        i = 0
        quote = ""
        while i < len(line):
            pair = line[i : i + 2]
            if in_comment:
                if pair == "*/":
                    in_comment = False
                    i += 1
            elif quote:
                if line[i] == "\\":
                    i += 1
                elif line[i] == quote:
                    out.append(quote)
                    quote = ""
            elif pair == "//":
                break
            elif pair == "/*":
                in_comment = True
                i += 1
            else:
                if line[i] in "\"'":
                    quote = line[i]
                out.append(line[i])
            i += 1
        result.append("".join(out))
    return result
