#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fails when the table of libraries in docs/architecture.md is not true, or blastd links a parser.

Every library that a program loads has a row for that program; the program really calls the function of the
row; the test of the row exists. blastd is made of no object of package/ but those of package_wire.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

PROGRAMS = {
    "blast": "src/client/blast",
    "blastd": "src/daemon/blastd",
    **{
        f"blast-{name}": f"src/worker/blast-{name}"
        for name in ("exec", "fetch", "monitor", "resolve", "stage", "unpack")
    },
}
#: The C library and what compilers add by themselves.
COMPILER = re.compile(r"^(libc|libm|libgcc_s|ld-linux.*|libasan|libubsan|libgcov)\.")
#: Nothing of these may be called by blastd.
PARSERS = ("json_", "curl_", "mdb_", "libdeflate_", "XML_", "ini_", "yaml_", "archive_", "zip_")
#: Loaded by nothing on the way to a program.
BARE = ("blast-exec", "blast-monitor")


def tool(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
    return done.stdout


def libraries_of(program: Path) -> set[str]:
    """Without "lib" and what follows ".so", but for names that are always written with it."""
    names = re.findall(r"NEEDED\s+(\S+)", tool("objdump", "-p", program))
    return {name.split(".so")[0] for name in names if not COMPILER.match(name)}


def calls_of(program: Path) -> set[str]:
    undefined = tool("nm", "-D", "--undefined-only", program)
    return {line.split()[-1].split("@")[0] for line in undefined.splitlines() if line.strip()}


def objects_of(program: Path) -> set[str]:
    """The source files whose symbols a program holds; names are unique in our tree."""
    symbols = tool("readelf", "-sW", program)
    return {Path(name).name for name in re.findall(r" FILE .*? (\S+\.c)$", symbols, re.MULTILINE)}


def rows_of(text: str) -> list[tuple[str, list[str], str, str]]:
    """Library, programs, function, test."""
    section = text.split("## Libraries", 1)[1]
    rows = []
    for line in section.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("| ").split("|")]
        if line.startswith("|") and len(cells) == 5 and cells[0] not in ("library", "---"):
            rows.append((cells[0], cells[1].split(), cells[2], cells[4]))
    return rows


def check_table(root: Path, build: Path) -> list[str]:
    rows = rows_of((root / "docs/architecture.md").read_text())
    tests = {test["name"] for test in json.loads(tool("meson", "introspect", "--tests", build))}
    wrong = [] if rows else ["there is no table"]
    for program, path in PROGRAMS.items():
        wanted = {name.removeprefix("lib") for name, programs, _, _ in rows if program in programs}
        linked = {name.removeprefix("lib") for name in libraries_of(build / path)}
        wrong += [f"{program} loads {name}, which has no row" for name in linked - wanted]
        wrong += [f"{program} does not load {name}" for name in wanted - linked]
    for library, programs, function, test in rows:
        for program in programs:
            if program not in PROGRAMS:
                wrong.append(f"there is no program {program}")
            elif function not in calls_of(build / PROGRAMS[program]):
                wrong.append(f"{program} does not call {function} of {library}")
        if test not in tests:
            wrong.append(f"the test {test} of {library} does not exist")
    return wrong


def check_daemon(root: Path, build: Path) -> list[str]:
    """blastd parses nothing foreign."""
    daemon = build / PROGRAMS["blastd"]
    lists = (root / "src/package/meson.build").read_text()
    block = re.search(r"package_wire_sources = files\((.*?)\)", lists, re.DOTALL)
    wire = set(re.findall(r"'([^']+\.c)'", block[1])) if block else set()
    package = {path.name for path in (root / "src/package").glob("*.c")}
    found = objects_of(daemon) & package
    wrong = [f"blastd calls {name}" for name in sorted(calls_of(daemon)) if name.startswith(PARSERS)]
    wrong += [f"blastd holds {name} of package/" for name in sorted(found - wire)]
    if "store.c" not in found:  # the control: that objects are seen at all
        wrong.append("the objects of blastd cannot be seen")
    if "resolver.c" not in objects_of(build / PROGRAMS["blast-resolve"]):
        wrong.append("the objects of blast-resolve cannot be seen")
    return wrong


def main(root: Path, build: Path) -> int:
    wrong = check_table(root, build) + check_daemon(root, build)
    wrong += [f"{name} loads a library" for name in BARE if libraries_of(build / PROGRAMS[name])]
    for sentence in wrong:
        print(f"docs/architecture.md: {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()))
