#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs examples/tour inside a Blast environment and shows what its walls hold back.

A listener on loopback is reached from outside first: a wall that nothing would pass proves nothing.
"""

import http.server
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here I am\n")

    def log_message(self, *arguments: object) -> None:
        pass


def start_listener() -> str:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}/", timeout=10) as answer:
        print(f"outside: {address} answers '{answer.read().decode().strip()}'")
    return address


def describe_keys() -> None:
    keys = Path.home() / ".ssh"
    if keys.is_dir():
        print(f"outside: ~/.ssh has {len(os.listdir(keys))} files")
    else:
        print(f"outside: there is no ~/.ssh to hide; the home has {len(os.listdir(Path.home()))} entries")


def main(build: Path) -> int:
    project = build / "try" / "tour"
    shutil.copytree(ROOT / "examples" / "tour", project, dirs_exist_ok=True)
    listener = start_listener()
    describe_keys()
    blast = build / "blast"
    print(f"\n$ cd {project}\n$ blast start -- python tour.py\n", flush=True)
    status = subprocess.run(
        [blast, "start", "--env", f"LISTENER={listener}", "--", "python", "tour.py"], cwd=project
    ).returncode
    if status != 0:
        print(f"\nThe tour ended with status {status}.", file=sys.stderr)
        return status
    print(
        f"""
It works. What to type next:

  export PATH="{build}:$PATH"
  cd {project}
  blast status                 what holds, and by what
  blast install rich           add a package; then: blast run python -m rich
  blast rollback               undo it
  blast start                  a shell inside
"""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
