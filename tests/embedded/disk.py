# SPDX-License-Identifier: LGPL-2.1-or-later
"""What lies on the disk, judged without asking Blast: trees against their wheels, generations, leftovers."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import zipfile
from pathlib import Path


def record_entries(text: str) -> dict[str, tuple[str, int]]:
    """RECORD as path to (hexadecimal sha256, size); lines without a digest are left out."""
    entries = {}
    for path, digest, size in csv.reader(io.StringIO(text)):
        if digest:
            kind, _, value = digest.partition("=")
            assert kind == "sha256", digest
            raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
            entries[path] = (raw.hex(), int(size))
    return entries


def wrong_of_tree(tree: Path, wheel: bytes | None) -> list[str]:
    """What is wrong with a published tree: against its own RECORD, against the wheel, in its modes."""
    wrong = []
    site = tree / "site-packages"
    records = list(site.glob("*.dist-info/RECORD"))
    if len(records) != 1 or not (tree / "facts").is_file():
        return [f"{tree.name}: no RECORD or no facts"]
    listed = record_entries(records[0].read_text())
    present = {p.relative_to(site).as_posix(): p for p in site.rglob("*") if not p.is_dir()}
    for name in (listed.keys() | present.keys()) - {records[0].relative_to(site).as_posix()}:
        if name not in listed or name not in present:
            wrong.append(f"{tree.name}: {name} is {'missing' if name in listed else 'in excess'}")
            continue
        data = present[name].read_bytes()
        if (hashlib.sha256(data).hexdigest(), len(data)) != listed[name]:
            wrong.append(f"{tree.name}: {name} differs from RECORD")
    for path in [tree, *tree.rglob("*")]:
        if stat.S_IMODE(path.lstat().st_mode) & 0o222 or path.is_symlink():
            wrong.append(f"{tree.name}: {path.relative_to(tree)} can be written to or is a link")
    if wheel is not None:
        if hashlib.sha256(wheel).hexdigest() != tree.name:
            wrong.append(f"{tree.name}: is not named by the digest of its wheel")
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            (own,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
            if not record_entries(archive.read(own).decode()).items() <= listed.items():
                wrong.append(f"{tree.name}: RECORD lacks what the wheel's has")
            for name in archive.namelist():
                if name == own:
                    continue  # INSTALLER was added to it
                if name not in present or present[name].read_bytes() != archive.read(name):
                    wrong.append(f"{tree.name}: {name} differs from the wheel")
    return wrong


def wrong_of_store(cache: Path, wheels: list[bytes]) -> list[str]:
    """What is wrong with the trees that have a name one can look up."""
    by_digest = {hashlib.sha256(wheel).hexdigest(): wheel for wheel in wheels}
    trees = cache / "trees"
    wrong = []
    for tree in trees.iterdir() if trees.is_dir() else ():
        if tree.name.startswith("."):
            continue
        if tree.name not in by_digest:
            wrong.append(f"{tree.name}: a tree of no wheel")
        else:
            wrong += wrong_of_tree(tree, by_digest[tree.name])
    bytecode = cache / "bytecode"
    for tree in bytecode.iterdir() if bytecode.is_dir() else ():
        wrong += [
            f"{tree.name}: {path.name} is no bytecode"
            for path in tree.rglob("*")
            if path.is_file() and (path.suffix != ".pyc" or path.stat().st_size < 16)
        ]
    return wrong


def leftovers(cache: Path, state: Path) -> list[str]:
    """Files that belong to nobody: staging rooms, hidden generations, half copies, torn replacements."""
    found: list[Path] = []
    for place in (cache / "staging", cache / "trash"):
        found += place.iterdir() if place.is_dir() else ()
    for place, pattern in (
        (cache / "trees", ".*"),
        (cache / "bytecode", ".*"),
        (cache / "downloads", ".*"),
        (state / "environments", ".*"),
        (state / "environments", "*/.[!.]*"),
        (state / "environments", "*/generations/.*"),
        (state / "environments", "*/generations/*/.lib*"),
    ):
        found += place.glob(pattern) if place.is_dir() else ()
    return sorted(str(path) for path in found)


def shown_packages(project: Path) -> dict[str, str] | None:
    """Names and versions that an editor sees through .venv; None while there is no complete copy."""
    lib = project / ".venv" / "lib"
    if not lib.is_dir():
        return None
    infos = [path.name.removesuffix(".dist-info") for path in lib.glob("python*/site-packages/*.dist-info")]
    return dict(sorted(name.split("-", 1) for name in infos))


def wrong_of_venv(project: Path) -> list[str]:
    """What is wrong with what .venv shows: whole files of whole distributions, or nothing."""
    wrong = []
    venv = project / ".venv"
    if not venv.is_symlink():
        return wrong
    if not venv.exists():
        return [f".venv leads nowhere: {venv.readlink()}"]
    if not (venv / "pyvenv.cfg").is_file() or not (venv / "bin" / "python").exists():
        wrong.append(".venv has no pyvenv.cfg or no python")
    for record in venv.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        for name, (digest, _) in record_entries(record.read_text()).items():
            path = record.parents[1] / name
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                wrong.append(f".venv: {name} differs from RECORD")
    return wrong
