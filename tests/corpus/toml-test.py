#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs every TOML 1.0 case of toml-test through the decoder: toml-test.py DECODER.

Valid files must decode to the JSON beside them; invalid ones must be refused with a place and a sentence.
"""

import json
import math
import os
import pathlib
import re
import subprocess
import sys

N_VALID = 210
N_INVALID = 499
FLOATS = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf}
PLACE = re.compile(r"stdin:\d+:\d+: .+\.\n", re.DOTALL)


def normal_time(text: str) -> str:
    """One spelling of a time: a 'T', nine digits of fraction, '+00:00' for 'Z'."""
    text = re.sub(r"(?<=\d)[ t](?=\d)", "T", text).replace("z", "Z").replace("Z", "+00:00")
    text = re.sub(r"(:\d\d)(?=$|[+-])(?<=:\d\d:\d\d)", r"\1.0", text, count=1)
    return re.sub(r"\.(\d+)", lambda m: "." + (m[1] + "0" * 9)[:9], text)


def same(wanted: object, found: object) -> bool:
    """Whether two tagged values mean the same."""
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(same, wanted, found))
    if not isinstance(wanted, dict) or not isinstance(found, dict) or wanted.keys() != found.keys():
        return False
    if wanted.keys() != {"type", "value"} or not isinstance(wanted["type"], str):
        return all(same(wanted[key], found[key]) for key in wanted)
    kind, a, b = wanted["type"], wanted["value"], found["value"]
    if kind != found["type"]:
        return False
    if kind == "float":
        if "nan" in a:
            return b == "nan"
        return FLOATS.get(a, None) == FLOATS.get(b, None) if a in FLOATS else float(a) == float(b)
    if kind in ("datetime", "datetime-local", "time-local"):
        return normal_time(a) == normal_time(b)
    return a == b


def check(decoder: str, path: pathlib.Path) -> str:
    """Runs one case; returns what is wrong, "" if nothing is."""
    result = subprocess.run([decoder], input=path.read_bytes(), capture_output=True, timeout=20)
    if "/invalid/" in str(path):
        if result.returncode != 1:
            return f"accepted (status {result.returncode})"
        return "" if PLACE.fullmatch(result.stderr.decode()) else f"no place: {result.stderr!r}"
    if result.returncode != 0:
        return f"refused: {result.stderr.decode(errors='replace').strip()}"
    wanted = json.loads(path.with_suffix(".json").read_bytes())
    try:
        found = json.loads(result.stdout)
    except ValueError as error:
        return f"the decoder printed no JSON: {error}"
    return "" if same(wanted, found) else f"wanted {wanted}, found {found}"


def main() -> int:
    corpus = pathlib.Path(os.environ.get("BLAST_CORPORA", "")) / "toml-test"
    listing = corpus / "files-toml-1.0.0"
    if not listing.exists():
        print("skipped: no corpora")
        return 77
    files = [corpus / line for line in listing.read_text().split() if line.endswith(".toml")]
    n_valid = sum("/valid/" in str(file) for file in files)
    failures = 0
    for file in files:
        problem = check(sys.argv[1], file)
        if problem:
            failures += 1
            print(f"{file.relative_to(corpus)}: {problem}")
    print(f"{n_valid} valid, {len(files) - n_valid} invalid, {failures} wrong")
    if (n_valid, len(files) - n_valid) != (N_VALID, N_INVALID):
        print(f"the corpus should have {N_VALID} valid and {N_INVALID} invalid files")
        return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
