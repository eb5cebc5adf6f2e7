#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fails when `tools/dev check` took longer than tests/budget.toml allows."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(minutes: float) -> int:
    budget = tomllib.loads((ROOT / "tests" / "budget.toml").read_text())
    limit = budget["check"]["minutes"]
    if minutes > limit:
        print(f"check took {minutes:.1f} minutes, its budget is {limit} (tests/budget.toml)")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
