#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fails when a file includes a header of a layer it may not know.

A key of MAY_INCLUDE is a folder or one file (the file wins); a value names folders, single headers or WIRE:
the headers of the part of package/ that blastd links, as src/package/meson.build lists it. That part
itself may include nothing else of package/. This keeps the link sets of docs/architecture.md.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tree import Report, c_files, read_lines

WIRE = "wire"
MAY_INCLUDE: dict[str, set[str]] = {
    "basic": set(),
    "package": {"basic"},
    "environment": {"basic"},
    "sync": {"basic", "environment", WIRE},
    "bus": {"basic", "environment", "sync", WIRE},
    "daemon": {"basic", "environment", "sync", "bus", WIRE},
    "worker": {"basic", WIRE},
    "worker/fetch-worker.c": {"basic", "package"},
    "worker/resolve-worker.c": {"basic", "package"},
    "worker/unpack-worker.c": {"basic", "package"},
    "worker/exec-worker.c": {"basic", "environment"},
    "worker/monitor-worker.c": {"basic", "environment"},
    "worker/stage-worker.c": {"basic", "environment"},
    # What is said over the control socket of a run: the small library `control`, shared with the monitor.
    "client": {"basic", "bus/names.h", "environment/control.h", "environment/environ.h", WIRE},
}
#: Headers of package/ that hold only types of the wire, implemented by several of its files.
WIRE_HEADERS = {"package/request.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def wire_headers(root: Path) -> set[str]:
    """The headers of the files that make up package_wire."""
    text = (root / "src/package/meson.build").read_text(encoding="utf-8")
    block = re.search(r"package_wire_sources = files\((.*?)\)", text, re.DOTALL)
    names = re.findall(r"'([^']+)\.c'", block[1]) if block else []
    return WIRE_HEADERS | {f"package/{name}.h" for name in names}


def allowed_for(name: str, wire: set[str]) -> set[str]:
    """What a file may include beside its own folder; the wire part has no folder of its own."""
    layer = name.split("/")[0]
    if layer == "package" and name.removesuffix(".c").removesuffix(".h") + ".h" in wire:
        return {"basic"} | wire
    allowed = set(MAY_INCLUDE.get(name, MAY_INCLUDE.get(layer, set())))
    if WIRE in allowed:
        allowed |= wire
    return allowed | {layer}


def main(root: Path) -> int:
    report = Report(root)
    wire = wire_headers(root)
    for path in c_files(root):
        if not path.is_relative_to(root / "src"):
            continue
        name = path.relative_to(root / "src").as_posix()
        layer = name.split("/")[0]
        if layer not in MAY_INCLUDE:
            report.wrong(path, 1, f"the folder '{layer}' is no layer: add it to check-layers.py")
            continue
        allowed = allowed_for(name, wire)
        for number, line in enumerate(read_lines(path), 1):
            found = INCLUDE.match(line)
            if not found or found[1] == "config.h":
                continue
            if "/" not in found[1]:
                report.wrong(path, number, f'write the folder too: "{found[1]}"')
            elif found[1].split("/")[0] not in allowed and found[1] not in allowed:
                report.wrong(path, number, f"{name} may not include {found[1]}")
    return report.status()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
