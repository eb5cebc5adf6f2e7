#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints every skipped test of the last `meson test` with its reason; fails on one not allowed.

tests/allowed-skips has lines "NAME: why it may be skipped"; NAME is the test's name or "NAME/CASE".
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Our own tests, pytest -rs, and unittest when it is verbose.
SAID = re.compile(
    r"^.*?skipped: (.*)$|^SKIPPED \[\d+\] (.*)$|\.\.\. skipped ['\"](.*)['\"]$", re.MULTILINE
)


def allowed() -> set[str]:
    lines = (ROOT / "tests" / "allowed-skips").read_text().splitlines()
    return {line.split(":")[0].strip() for line in lines if line.strip() and not line.startswith("#")}


def main(build: Path) -> int:
    log = build / "meson-logs" / "testlog.json"
    wrong = 0
    for line in log.read_text().splitlines():
        test = json.loads(line)
        name = test["name"].split(" / ")[-1]
        said = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
        reasons = list(dict.fromkeys("".join(groups) for groups in SAID.findall(said)))
        if not reasons and test["result"] != "SKIP":
            continue
        is_allowed = name in allowed()
        for reason in reasons or ["(no reason given)"]:
            print(f"{'skip' if is_allowed else 'SKIP NOT ALLOWED'}: {name}: {reason}")
        wrong += not is_allowed
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
