#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One boot of stock Debian (kernel 6.1, systemd, cgroup v2): the embedded scenarios run there, as root and
as an ordinary user, against an installed Blast.

    test_vm.py BUILD [CACHE]

The machine's disk is made from Debian packages once and kept in CACHE (default BUILD/vm).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import Machine

HERE = Path(__file__).resolve().parent
TIMEOUT = 1500
# Emulation is ten to twenty times slower: what shows the kernel's side, not every message.
CASES = {
    "test_packages": ["test_start_installs_and_runs", "test_rollback_goes_back_and_forth",
                      "test_venv_is_complete_for_editors", "test_status_and_list_speak_json"],
    "test_runs": ["test_walls", "test_exit_status_is_the_programs", "test_pipes_pass_through",
                  "test_seen_and_killed_from_a_second_terminal", "test_daemon_restart_leaves_the_program_alone",
                  "test_client_that_dies_takes_its_program_along", "test_no_zombies_and_no_descriptors_left",
                  "test_two_starts_of_one_project_at_once",
                  "test_paths_with_spaces_and_letters_of_all_kinds"],
    "test_faults": ["test_impossible_requirement_is_explained", "test_hash_mismatch", "test_disk_full"],
}


def write_script(share: Path) -> None:
    """What the machine runs: every case as root and as the user made for it."""
    lines = ["uname -r", "cp -a /share/prefix/. /", "mkdir -p /srv/tests && cp -a /share/tests/. /srv/tests/",
             "export BLAST_TEST_BUILD=/usr/local BLAST_TEST_TIMEOUT=300", "failed=0"]
    for user, uid in {"root": "-1", "user": "1000"}.items():
        for module, cases in CASES.items():
            names = " ".join(f"{case_class(module)}.{case}" for case in cases)
            lines.append(f"echo '== {module} as {user}'")
            lines.append(f"BLAST_TEST_UID={uid} timeout 900 python3 /srv/tests/embedded/{module}.py {names}"
                         " || failed=1")
    lines.append("exit $failed")
    (share / "run").write_text("\n".join(lines) + "\n")


def case_class(module: str) -> str:
    text = (HERE.parent / "embedded" / f"{module}.py").read_text()
    return re.search(r"^class (\w+)\(", text, re.MULTILINE)[1]


def main() -> int:
    build = Path(sys.argv[1])
    cache = Path(sys.argv[2]) if len(sys.argv) > 2 else build / "vm"
    if os.geteuid() != 0:
        print("skipped: making the machine's disk needs root")
        return 77
    missing = [name for name in ("qemu-system-x86_64", "mmdebstrap", "debugfs") if not shutil.which(name)]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed")
        return 77
    machine = Machine(cache)
    with tempfile.TemporaryDirectory() as name:
        share = Path(name)
        subprocess.run(["/usr/bin/meson", "install", "-C", build, "--quiet", "--no-rebuild", "--destdir",
                        share / "prefix"], check=True, stdout=sys.stderr)
        for folder in ("embedded", "fakes"):
            shutil.copytree(HERE.parent / folder, share / "tests" / folder,
                            ignore=shutil.ignore_patterns("__pycache__"))
        write_script(share)
        found = machine.boot(share, TIMEOUT)
    print(found["output"])
    if found["status"].strip() != "0":
        print("== journal\n" + found["journal"][-6000:])
        print("== console\n" + found["console"][-2000:])
        print(f"status inside: {found['status'].strip() or 'none'}")
        return 1
    if not re.search(r"^6\.1\.", found["output"], re.MULTILINE):
        print("this is not the kernel that was asked for")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
