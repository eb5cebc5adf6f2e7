#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fails on names and words that do not belong into the tree (docs/style.md).

Two sources with one basename; leftovers; jumps other than to `undo`; processes made outside the files that
may; functions that are unsafe or act on the whole process; paths and hosts of one machine.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tree import C_SUFFIXES, Report, read_lines, strip_c_lines, tree_files

SELF = "tests/lint/check-names.py"
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
JUMP = re.compile(r"\bgoto\s+(\w+)")
LABEL = re.compile(r"^(\w+):\s*$")
#: A word before the name makes it a declaration or a member: "int access(…)", ".system(".
CALL = r"(?<![\w.>])%s\s*\("
FORK = re.compile(CALL % r"(fork|vfork|clone|clone3|posix_spawnp?|daemon)")
FORK_FILES = {
    "src/basic/child.c",
    "src/environment/isolate.c",
    "src/environment/namespace.c",
}
#: Never, not even in tests.
UNSAFE = re.compile(CALL % r"(strcpy|strcat|sprintf|vsprintf|gets|alloca|strdupa|mktemp|tmpnam|tempnam|strtok)")
#: Not in the programs: a shell, a race, a global state, an environment that setuid would trust.
UNFIT = re.compile(CALL % r"(system|popen|access|setenv|putenv|unsetenv|umask|setlocale|atexit)")
UNFIT_FILES = {
    "src/client/main.c": {"setlocale"},
    "src/client/terminal.c": {"atexit"},
    "src/daemon/daemon.c": {"umask", "unsetenv"},
    "src/worker/unpack-worker.c": {"umask"},
    "src/worker/worker.c": {"umask"},
    "src/environment/isolate.c": {"umask"},
    "src/basic/child.c": {"umask"},
}
CHDIR = re.compile(CALL % r"f?chdir")
#: Where the working directory is ours to change: processes that were made for one purpose.
CHDIR_FILES = {
    "src/basic/child.c",
    "src/daemon/daemon.c",  # once, to /
    "src/environment/isolate.c",
    "src/environment/mount-apply.c",
    "src/environment/namespace.c",
    "src/worker/exec-worker.c",
}
THREAD = re.compile(CALL % r"(pthread_create|thrd_create)")
#: Where this tree lies is nobody else's business.
MACHINE = re.compile(re.escape(f"{Path(__file__).resolve().parents[2]}/"))
#: Files by these names lie in more than one folder.
COMMON = {"main.c", "meson.build", "__init__.py", "README.md", "pyproject.toml", "blast.toml", ".gitignore"}


def check_c(path: Path, name: str, report: Report) -> None:
    is_program = name.startswith("src/")
    for number, line in enumerate(strip_c_lines(read_lines(path)), 1):
        jump = JUMP.search(line)
        if jump and jump[1] != "undo":
            report.wrong(path, number, f"goto {jump[1]}: the only label is undo")
        label = LABEL.match(line)
        if label and label[1] not in ("undo", "default"):
            report.wrong(path, number, f"the label {label[1]}: the only one is undo")
        found = UNSAFE.search(line)
        if found:
            report.wrong(path, number, f"{found[1]}() is unsafe")
        found = THREAD.search(line)
        if found:
            report.wrong(path, number, f"{found[1]}(): there are no threads")
        if not is_program:
            continue
        found = FORK.search(line)
        if found and name not in FORK_FILES:
            report.wrong(path, number, f"{found[1]}() belongs into {', '.join(sorted(FORK_FILES))}")
        found = UNFIT.search(line)
        if found and found[1] not in UNFIT_FILES.get(name, set()):
            report.wrong(path, number, f"{found[1]}() acts on the whole process or runs a shell")
        if CHDIR.search(line) and name not in CHDIR_FILES:
            report.wrong(path, number, "the working directory is not changed here")


def check_text(path: Path, report: Report) -> None:
    for number, line in enumerate(read_lines(path), 1):
        found = LEFTOVER.search(line)
        if found:
            report.wrong(path, number, f"a leftover: {found[1]}")
        found = MACHINE.search(line)
        if found:
            report.wrong(path, number, f"'{found[0]}' is a path of one machine")


def main(root: Path) -> int:
    report = Report(root)
    seen: dict[str, Path] = {}
    for path in tree_files(root):
        name = path.relative_to(root).as_posix()
        if path.suffix in (*C_SUFFIXES, ".py") and path.name not in COMMON:
            other = seen.setdefault(path.name, path)
            if other != path:
                report.wrong(path, 1, f"has the name of {other.relative_to(root)}")
        if path.suffix in C_SUFFIXES:
            check_c(path, name, report)
        if name != SELF:
            check_text(path, report)
    return report.status()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
