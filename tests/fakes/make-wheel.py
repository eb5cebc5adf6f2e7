#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds a small wheel, valid or broken in one chosen way, for tests.

Every byte is decided here: the same arguments give the same file. `--break` names what is to be
wrong; `--list-breaks` prints all names. Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import random
import re
import stat
import sys
import zipfile

DATE = (2020, 1, 1, 0, 0, 0)

BREAKS = {
    "crc": "the checksum of a member is wrong",
    "data-scheme": "a scheme in .data that does not exist",
    "data-venv": "a data file that replaces pyvenv.cfg",
    "dist-info-missing": "no .dist-info",
    "dist-info-name": ".dist-info of another project",
    "dist-info-twice": "two .dist-info directories",
    "duplicate": "a member twice",
    "entry-point": "a program whose value is no module:function",
    "link": "a symbolic link",
    "metadata-name": "METADATA of another project",
    "metadata-version": "METADATA of another version",
    "prefix": "bytes before the archive",
    "record-digest": "a wrong digest in RECORD",
    "record-extra": "RECORD lists a file that is not there",
    "record-missing": "a file that RECORD does not list",
    "record-size": "a wrong size in RECORD",
    "record-syntax": "RECORD with an open quote",
    "same-place": "two files for one place",
    "script-name": "a program whose name leaves bin/",
    "script-python": "a program called python3",
    "suffix": "bytes after the archive",
    "tag": "WHEEL with other tags than the file name",
    "traversal": "a member whose name leaves the directory",
    "truncated": "the last third is missing",
    "wheel-version": "Wheel-Version 2.0",
}


class Member:
    """One file of the archive."""

    def __init__(self, name: str, data: bytes, mode: int = 0o644, recorded: bool = True) -> None:
        self.name = name
        self.data = data
        self.mode = mode
        self.recorded = recorded


def digest(data: bytes) -> str:
    """The form in which RECORD has it."""
    value = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return "sha256=" + value.decode()


def quoted(path: str) -> str:
    """A field of RECORD."""
    if any(c in path for c in ',"\r\n'):
        return '"' + path.replace('"', '""') + '"'
    return path


def package_files(options: argparse.Namespace) -> list[Member]:
    """The importable part: what was given, or one module that tells its version."""
    module = re.sub(r"[-.]+", "_", options.name)
    members = [
        Member(f"{module}/__init__.py", f'__version__ = "{options.version}"\n'.encode()),
        Member(f"{module}/cli.py", b'def main() -> None:\n    print("hello")\n'),
    ]
    for entry in options.file:
        name, _, text = entry.partition("=")
        members.append(Member(name, text.encode().decode("unicode_escape").encode("latin-1")))
    for entry in options.program:
        name, _, text = entry.partition("=")
        members.append(Member(name, text.encode(), 0o755))
    for number in range(options.files):
        data = f"value = {number}\n".encode() * options.lines
        members.append(Member(f"{module}/part{number // 100}/module{number}.py", data))
    if options.big:
        block = random.Random(7).randbytes(1 << 20)
        members.append(Member(f"{module}/big.bin", block * options.big))
    return members


def metadata_files(options: argparse.Namespace, broken: str) -> list[Member]:
    """What lies in .dist-info, but for RECORD."""
    stem = options.stem
    name = "another" if broken == "metadata-name" else options.name
    version = "9.9" if broken == "metadata-version" else options.version
    text = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    text += [f"Requires-Dist: {requirement}\n" for requirement in options.requires]
    if options.requires_python:
        text.append(f"Requires-Python: {options.requires_python}\n")
    tag = "cp27-cp27m-win32" if broken == "tag" else options.tag
    wheel_version = "2.0" if broken == "wheel-version" else "1.0"
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    wheel = f"Wheel-Version: {wheel_version}\nGenerator: make-wheel\nRoot-Is-Purelib: true\n"
    for python in pythons:
        for abi in abis:
            for platform in platforms:
                wheel += f"Tag: {python}-{abi}-{platform}\n"
    members = [
        Member(f"{stem}.dist-info/METADATA", ("".join(text) + "\nA description.\n").encode()),
        Member(f"{stem}.dist-info/WHEEL", wheel.encode()),
    ]
    scripts = list(options.script)
    if broken == "script-name":
        scripts.append("../evil=m:f")
    if broken == "script-python":
        scripts.append("python3=m:f")
    if broken == "entry-point":
        scripts.append("tool=os; import x")
    if scripts:
        lines = ["[console_scripts]"] + [entry.replace("=", " = ", 1) for entry in scripts]
        data = ("\n".join(lines) + "\n").encode()
        members.append(Member(f"{stem}.dist-info/entry_points.txt", data))
    return members


def broken_files(options: argparse.Namespace, broken: str) -> list[Member]:
    """Members that should not be there."""
    stem = options.stem
    if broken == "data-scheme":
        return [Member(f"{stem}.data/other/x", b"")]
    if broken == "data-venv":
        return [Member(f"{stem}.data/data/pyvenv.cfg", b"home = /\n")]
    if broken == "dist-info-twice":
        return [Member("other-1.0.dist-info/METADATA", b"Name: other\n")]
    if broken == "link":
        return [Member("link", b"/etc/passwd", stat.S_IFLNK | 0o777)]
    if broken == "record-missing":
        return [Member("unlisted.py", b"", recorded=False)]
    if broken == "same-place":
        return [Member("twin.py", b""), Member(f"{stem}.data/purelib/twin.py", b"")]
    if broken == "traversal":
        return [Member("../evil.py", b"")]
    return []


def record_of(members: list[Member], options: argparse.Namespace, broken: str) -> Member:
    """RECORD, right or wrong."""
    lines = []
    for position, member in enumerate(members):
        if not member.recorded:
            continue
        data, size = member.data, len(member.data)
        if position == 0 and broken == "record-digest":
            data += b"?"
        if position == 0 and broken == "record-size":
            size += 1
        lines.append(f"{quoted(member.name)},{digest(data)},{size}")
    if broken == "record-extra":
        lines.append(f"absent.py,{digest(b'')},0")
    if broken == "record-syntax":
        lines.append('"open')
    path = f"{options.stem}.dist-info/RECORD"
    lines.append(f"{path},,")
    return Member(path, ("\n".join(lines) + "\n").encode())


def write_archive(path: str, members: list[Member], options: argparse.Namespace) -> None:
    """The archive, with fixed dates and modes."""
    method = zipfile.ZIP_STORED if options.stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w", method) as archive:
        for member in members:
            info = zipfile.ZipInfo(member.name, DATE)
            mode = member.mode if stat.S_IFMT(member.mode) else stat.S_IFREG | member.mode
            info.external_attr = mode << 16
            info.compress_type = method
            archive.writestr(info, member.data)


def spoil_bytes(path: str, broken: str) -> None:
    """Damage that is done to the finished file."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    if broken == "truncated":
        data = data[: len(data) * 2 // 3]
    elif broken == "prefix":
        data = bytearray(b"#!/bin/sh\n") + data
    elif broken == "suffix":
        data += b"more"
    elif broken == "crc":
        # In both headers of the first member, so that they still agree.
        central = data.index(b"PK\x01\x02")
        data[14] ^= 1
        data[central + 16] ^= 1
    with open(path, "wb") as file:
        file.write(data)


def build(options: argparse.Namespace) -> str:
    """Writes the wheel and returns its path."""
    broken = options.broken or ""
    filename_stem = re.sub(r"[-_.]+", "_", options.name) + "-" + options.version
    options.stem = "another-1.0" if broken == "dist-info-name" else filename_stem
    members = package_files(options) + broken_files(options, broken)
    if broken != "dist-info-missing":
        members += metadata_files(options, broken)
        members.append(record_of(members, options, broken))
    if broken == "duplicate":
        members.insert(0, members[0])
    path = os.path.join(options.directory, f"{filename_stem}-{options.tag}.whl")
    write_archive(path, members, options)
    spoil_bytes(path, broken)
    return path


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list-breaks", action="store_true", help="print what can be broken")
    parser.add_argument("--directory", default=".", help="where the wheel goes")
    parser.add_argument("--name", default="example")
    parser.add_argument("--version", default="1.0")
    parser.add_argument("--tag", default="py3-none-any")
    parser.add_argument("--requires", action="append", default=[], metavar="REQUIREMENT")
    parser.add_argument("--requires-python", default="")
    parser.add_argument("--script", action="append", default=[], metavar="NAME=MODULE:FUNCTION")
    parser.add_argument("--file", action="append", default=[], metavar="PATH=TEXT")
    parser.add_argument("--program", action="append", default=[], metavar="PATH=TEXT")
    parser.add_argument("--files", type=int, default=0, help="that many modules more")
    parser.add_argument("--lines", type=int, default=1, help="of each of them")
    parser.add_argument("--big", type=int, default=0, metavar="MIB", help="a file of that size")
    parser.add_argument("--stored", action="store_true", help="do not compress")
    parser.add_argument("--break", dest="broken", choices=sorted(BREAKS))
    options = parser.parse_args()
    if options.list_breaks:
        for name, reason in BREAKS.items():
            print(f"{name}: {reason}")
        return 0
    print(build(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
