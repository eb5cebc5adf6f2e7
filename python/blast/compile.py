# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiles the modules of trees into bytecode trees of their own. Standard library only.

    python -I -S compile.py SOURCE OUTPUT [SOURCE OUTPUT ...]

SOURCE is the site-packages directory of a published tree, which stays untouched; OUTPUT is an empty
directory that gets the same shape with nothing but `__pycache__/<name>.<cache tag>.pyc` in it. One
process serves many trees, because starting an interpreter costs as much as compiling five files.

The bytecode is of the unchecked-hash kind: valid without a look at the source, for a tree never
changes. Its file names are those below site-packages ("numpy/core/numeric.py"), the same for every
project and machine; the import system puts the real place in when it loads them. A file that does not
compile (templates, syntax of other versions) is skipped, as an import of it would say why.

Prints one line for each tree: how many files were compiled and how many were skipped.

Errors: exit status 2 for wrong arguments; 1 when OUTPUT cannot be written, with the reason on stderr.
Source: PEP 552; importlib._bootstrap_external of CPython 3.9 to 3.14.
"""

from __future__ import annotations

import gc
import importlib.util
import marshal
import os
import sys
import warnings

FLAG_HASH = 1  # of PEP 552: bit 0 hash-based, bit 1 (not set) check the source
SOURCE_SIZE_MAX = 16 * 1024 * 1024
UNCOMPILABLE = (
    SyntaxError,
    ValueError,
    RecursionError,
    MemoryError,
    OverflowError,
)


def bytecode_of(data: bytes, name: str) -> bytes | None:
    """The whole .pyc of one source, or None if it does not compile."""
    try:
        code = compile(data, name, "exec", dont_inherit=True, optimize=0)
        body = marshal.dumps(code)
    except UNCOMPILABLE:
        return None
    head = importlib.util.MAGIC_NUMBER + FLAG_HASH.to_bytes(4, "little")
    return head + importlib.util.source_hash(data) + body


def read_source(path: str) -> bytes | None:
    """The bytes of one file, or None if it is out of bounds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        data = file.read(SOURCE_SIZE_MAX + 1)
    return data if len(data) <= SOURCE_SIZE_MAX else None


def write_bytecode(directory: str, name: str, data: bytes) -> None:
    """Writes a read-only file; nothing may be there yet."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(os.path.join(directory, name), flags, 0o444)
    with open(descriptor, "wb") as file:
        file.write(data)


class Tree:
    """One tree while it is compiled."""

    def __init__(self, source: str, output: str) -> None:
        self.source = source
        self.output = output
        self.suffix = f".{sys.implementation.cache_tag}.pyc"
        self.made: list[str] = []
        self.compiled = 0
        self.skipped = 0

    def cache_directory(self, relative: str) -> str:
        """The __pycache__ of one directory, made with its parents."""
        path = self.output
        for part in [*relative.split("/"), "__pycache__"] if relative else ["__pycache__"]:
            path = os.path.join(path, part)
            if not os.path.isdir(path):
                os.mkdir(path, 0o755)
                self.made.append(path)
        return path

    def compile_directory(self, relative: str) -> list[str]:
        """Compiles the modules of one directory and returns the directories below it."""
        children: list[str] = []
        names: list[str] = []
        with os.scandir(os.path.join(self.source, relative)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        children.append(f"{relative}/{entry.name}" if relative else entry.name)
                elif entry.name.endswith(".py") and entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
        for name in sorted(names):
            self.compile_file(relative, name)
        return sorted(children)

    def compile_file(self, relative: str, name: str) -> None:
        """Compiles one module."""
        path = f"{relative}/{name}" if relative else name
        data = read_source(os.path.join(self.source, path))
        bytecode = bytecode_of(data, path) if data is not None else None
        if bytecode is None:
            self.skipped += 1
            return
        write_bytecode(self.cache_directory(relative), name[:-3] + self.suffix, bytecode)
        self.compiled += 1

    def run(self) -> None:
        """Compiles everything; the result is read-only but for its top."""
        waiting = [""]
        while waiting:
            waiting.extend(self.compile_directory(waiting.pop()))
        for path in reversed(self.made):
            os.chmod(path, 0o555)


def main(arguments: list[str]) -> int:
    """Reads the command line."""
    if not arguments or len(arguments) % 2 != 0:
        print("usage: compile.py SOURCE OUTPUT [SOURCE OUTPUT ...]", file=sys.stderr)
        return 2
    if not sys.implementation.cache_tag:
        print("this interpreter keeps no bytecode", file=sys.stderr)
        return 1
    os.umask(0)
    warnings.simplefilter("ignore")  # of escape sequences in other people's code
    gc.disable()  # code objects have no cycles
    for position in range(0, len(arguments), 2):
        tree = Tree(arguments[position], arguments[position + 1])
        try:
            tree.run()
        except OSError as error:
            print(f"cannot compile {tree.source}: {error}", file=sys.stderr)
            return 1
        print(tree.compiled, tree.skipped, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
