#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A shell (or a command) beside a blastd from the build tree, on a bus of its own.

    shell.py BUILD [--embedded] [--deny ACTION] [--index] [-- COMMAND…]

Everything lies in BUILD/dev and stays there until the next time. The bus is what busctl and blast
take for the system bus; a fake polkit allows all but what --deny names (run, kill, …). With --index a
small package index of tests/fakes serves, too; its address is $BLAST_INDEX_URL. Nothing is
installed, nothing outside BUILD is written.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="a shell on a private bus with a blastd")
    parser.add_argument("build", type=Path)
    parser.add_argument("--embedded", action="store_true", help="the private socket, no bus")
    parser.add_argument("--deny", action="append", default=[], metavar="ACTION")
    parser.add_argument("--index", action="store_true", help="serve a small index of made-up packages")
    ours, command = sys.argv[1:], []
    if "--" in ours:
        ours, command = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    arguments = parser.parse_args(ours)
    arguments.command = command
    return arguments


def main() -> int:
    arguments = parse()
    build = arguments.build.resolve()
    os.environ["BLAST_BUILD"] = str(build)
    from bus_stage import MANAGER_PATH, NAME, Stage  # after BLAST_BUILD, which it reads

    directory = build / "dev"
    directory.mkdir(exist_ok=True)
    (directory / "bus-socket").unlink(missing_ok=True)  # of one that was killed
    stage = Stage(directory)
    try:
        environ = stage.environ(
            PATH=f"{build}:{build / 'src' / 'client'}:{os.environ['PATH']}",
            TERM=os.environ.get("TERM", "dumb"),
            HOME=os.environ["HOME"],
            PS1="(blast dev) \\w\\$ ",
        )
        if arguments.index:
            index = stage.start_index()
            index.add_wheel("greeter", "1.0", requires=["helper"])
            index.add_wheel("helper", "1.2")
            environ["BLAST_INDEX_URL"] = index.url
        if not arguments.embedded:
            stage.start_bus()
            stage.start_polkit("--default=allow", *(f"--deny={action}" for action in arguments.deny))
        stage.start_service("embedded" if arguments.embedded else "bus")
        address = stage.private_address if arguments.embedded else stage.address
        print(f"blastd's log: {stage.log}\ntry: busctl --address={address} tree {NAME}")
        print(f"     busctl --address={address} introspect {NAME} {MANAGER_PATH}", flush=True)
        command = arguments.command or [os.environ.get("SHELL", "/bin/sh"), "-i"]
        return subprocess.run(command, env=environ, check=False).returncode
    finally:
        stage.stop()


if __name__ == "__main__":
    sys.exit(main())
