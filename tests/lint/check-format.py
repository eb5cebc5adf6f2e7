#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs clang-format over all C files, or shellcheck over all shell scripts; 77 where it is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tree import c_files, shebang, tree_files

SKIPPED = 77


def shell_scripts(root: Path) -> list[Path]:
    """By suffix or by their first line."""
    return [
        path
        for path in tree_files(root)
        if path.suffix == ".sh" or shebang(path).removeprefix("#!").strip().endswith(("/sh", "/bash", " bash"))
    ]


def main(root: Path, tool: str) -> int:
    if not shutil.which(tool):
        print(f"skipped: no {tool}")
        return SKIPPED
    if tool == "clang-format":
        command, paths = [tool, "--dry-run", "-Werror"], list(c_files(root))
    else:
        command, paths = [tool, "--severity=style"], shell_scripts(root)
    print(f"{len(paths)} files")
    if not paths:
        return 0
    return subprocess.run([*command, *map(str, paths)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2]))
