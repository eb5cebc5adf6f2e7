#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the package index that pip on this machine uses: the default of the build.

Asks pip's configuration first, then the default that pip names in its own help.
"""

import re
import subprocess
import sys


def ask(*arguments: str) -> str:
    try:
        asked = subprocess.run(
            [sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def main() -> int:
    url = ask("config", "get", "global.index-url")
    if not url:
        named = re.search(r"\(default\s+(https?://[^\s)]+)\)", ask("download", "--help"))
        url = named[1] if named else ""
    if not url:
        print("no pip to ask: configure with -Dindex-url=…", file=sys.stderr)
        return 1
    print(url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
