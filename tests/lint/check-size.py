#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fails when a file or a function is too long or takes too many parameters (docs/style.md).

Reads what clang-format wrote: a function begins in the first column and ends with '}' in the first
column. Exceptions stand in size-exceptions beside this file: "path" or "path:function", then a reason.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tree import Report, c_files, read_lines, strip_c_lines

SOURCE_WARN, SOURCE_FAIL = 600, 900
HEADER_WARN, HEADER_FAIL = 150, 200
FUNCTION_WARN, FUNCTION_FAIL = 60, 100
MAIN_FAIL = 30
PARAMETERS_FAIL = 6
#: Signatures that a library prescribes: the getters and setters of sd-bus properties.
PRESCRIBED = re.compile(r"\(\s*sd_bus \*")
NO_FUNCTION = re.compile(r"^(#|/|\}|\)|\s|$|typedef\b|extern\b)")


class Function(NamedTuple):
    name: str
    line: int
    n_lines: int
    n_parameters: int


def split_head(head: str) -> tuple[str, int]:
    """Name and number of parameters of 'int name(type a, type b) {'."""
    end = head.rindex(")")
    depth = 0
    start = end
    for start in range(end, -1, -1):
        depth += {")": 1, "(": -1}.get(head[start], 0)
        if depth == 0:
            break
    words = re.findall(r"\w+", head[:start])
    inner = head[start + 1 : end].strip()
    if inner in ("", "void"):
        return words[-1] if words else "", 0
    depth = n = 0
    for character in inner:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(character, 0)
        n += character == "," and depth == 0
    return words[-1] if words else "", n + 1


def functions(lines: list[str]) -> Iterator[Function]:
    """The functions that are defined in @lines, which have no comments and strings any more."""
    i = 0
    while i < len(lines):
        if NO_FUNCTION.match(lines[i]):
            i += 1
            continue
        start, head = i, lines[i]
        while i + 1 < len(lines) and not re.search(r"[{;}]\s*$", lines[i]):
            i += 1
            head += " " + lines[i].strip()
        i += 1
        if not re.search(r"\)\s*\{\s*$", head) or "=" in head.split("(")[0]:
            continue
        while i < len(lines) and not lines[i].startswith("}"):
            i += 1
        name, n_parameters = split_head(head)
        if PRESCRIBED.search(head):
            n_parameters = 0
        yield Function(name, start + 1, i + 1 - start, n_parameters)


def exceptions(path: Path) -> dict[str, str]:
    """Place → reason. Every line has both."""
    result: dict[str, str] = {}
    for line in read_lines(path):
        if line.strip() and not line.startswith("#"):
            place, _, reason = line.partition(" ")
            result[place] = reason.strip()
    return result


def check_file(path: Path, name: str, excused: dict[str, str], report: Report) -> set[str]:
    """Returns the exceptions that were needed."""
    lines = read_lines(path)
    warn, fail = (HEADER_WARN, HEADER_FAIL) if path.suffix == ".h" else (SOURCE_WARN, SOURCE_FAIL)
    used: set[str] = set()

    def complain(place: str, line: int, text: str) -> None:
        if place in excused:
            used.add(place)
        else:
            report.wrong(path, line, text)

    if len(lines) > fail:
        complain(name, 1, f"{len(lines)} lines, at most {fail}")
    elif len(lines) > warn:
        report.warn(path, 1, f"{len(lines)} lines, better at most {warn}")
    for function in functions(strip_c_lines(lines)):
        place = f"{name}:{function.name}"
        limit = MAIN_FAIL if function.name == "main" else FUNCTION_FAIL
        if function.n_lines > limit:
            complain(
                place, function.line, f"{function.name}() has {function.n_lines} lines, at most {limit}"
            )
        elif function.n_lines > FUNCTION_WARN:
            report.warn(
                path, function.line, f"{function.name}() has {function.n_lines} lines, better {FUNCTION_WARN}"
            )
        if function.n_parameters > PARAMETERS_FAIL:
            complain(place, function.line, f"{function.name}() takes {function.n_parameters} parameters")
    return used


def main(root: Path) -> int:
    report = Report(root)
    listing = Path(__file__).with_name("size-exceptions")
    excused = exceptions(listing)
    used: set[str] = set()
    for path in c_files(root):
        used |= check_file(path, path.relative_to(root).as_posix(), excused, report)
    for place in sorted(set(excused) - used):
        report.wrong(listing, 1, f"the exception for {place} is not needed any more")
    for place, reason in excused.items():
        if not reason:
            report.wrong(listing, 1, f"the exception for {place} has no reason")
    return report.status()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
