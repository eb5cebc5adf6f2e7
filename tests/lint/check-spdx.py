#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fails when a source file does not begin with the licence line (after '#!', if it has one)."""

from __future__ import annotations

import sys
from pathlib import Path

from tree import Report, read_lines, shebang, tree_files

# Two pieces, lest tools that read licences take this for a second line.
WANTED = "SPDX-License-" + "Identifier: LGPL-2.1-or-later"
SUFFIXES = {".c", ".h", ".py", ".sh", ".build"}
#: Shared with programs under other licences by their nature; none so far.
EXCEPTIONS: set[str] = set()


def main(root: Path) -> int:
    report = Report(root)
    for path in tree_files(root):
        script = shebang(path)
        if path.suffix not in SUFFIXES and not script:
            continue
        if path.relative_to(root).as_posix() in EXCEPTIONS:
            continue
        lines = read_lines(path)
        first = lines[1:2] if script else lines[0:1]
        if not first or first[0] not in (f"// {WANTED}", f"# {WANTED}"):
            report.wrong(path, 2 if script else 1, f"expected '{WANTED}'")
    return report.status()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
