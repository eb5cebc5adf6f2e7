# SPDX-License-Identifier: LGPL-2.1-or-later
"""python/blast/compile.py: what it makes is what the interpreter then loads."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest

COMPILE = os.environ["COMPILE"]
TAG = sys.implementation.cache_tag


def write(path: str, text: str) -> None:
    """A source file with its directories."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class CompileTest(unittest.TestCase):
    """One tree with what trees have."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="test-compile-")
        self.addCleanup(directory.cleanup)
        self.source = os.path.join(directory.name, "source")
        self.output = os.path.join(directory.name, "output")
        os.mkdir(self.output)
        write(f"{self.source}/single.py", "value = 1\n")
        write(f"{self.source}/package/__init__.py", "")
        write(f"{self.source}/package/deep/module.py", "def where():\n    return 'original'\n")
        write(f"{self.source}/package/template.py", "{% not python %}\n")
        write(f"{self.source}/package/escape.py", 'text = "\\d"\n')

    def tearDown(self) -> None:
        for path, _, _ in os.walk(self.output):
            os.chmod(path, 0o755)

    def compile(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the program as it is run in service."""
        command = [sys.executable, "-I", "-S", COMPILE, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_every_module_gets_read_only_bytecode_and_broken_ones_are_skipped(self) -> None:
        result = self.compile(self.source, self.output)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "4 1\n", ""))
        path = f"{self.output}/package/deep/__pycache__/module.{TAG}.pyc"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o444)
        self.assertEqual(os.stat(os.path.dirname(path)).st_mode & 0o777, 0o555)
        self.assertFalse(os.path.exists(f"{self.output}/package/__pycache__/template.{TAG}.pyc"))
        self.assertNotIn("__pycache__", os.listdir(self.source))

    def test_bytecode_is_of_the_unchecked_hash_kind_and_names_no_machine(self) -> None:
        self.compile(self.source, self.output)
        with open(f"{self.output}/package/deep/__pycache__/module.{TAG}.pyc", "rb") as file:
            data = file.read()
        self.assertEqual(data[4:8], b"\x01\0\0\0")
        self.assertIn(b"package/deep/module.py", data)
        self.assertNotIn(self.source.encode(), data)

    def test_same_source_gives_same_bytes(self) -> None:
        second = self.output + "2"
        os.mkdir(second)
        self.compile(self.source, self.output, self.source, second)
        for name in ("single", "package/deep/module"):
            paths = [
                os.path.join(top, os.path.dirname(name), "__pycache__")
                + f"/{os.path.basename(name)}.{TAG}.pyc"
                for top in (self.output, second)
            ]
            contents = []
            for path in paths:
                with open(path, "rb") as file:
                    contents.append(file.read())
            self.assertEqual(contents[0], contents[1])
        for path, _, _ in os.walk(second):
            os.chmod(path, 0o755)

    def test_interpreter_loads_it_and_puts_the_real_place_in(self) -> None:
        self.compile(self.source, self.output)
        # The overlay of both trees, and a source that has changed since: unchecked means unchecked.
        for path, _, names in os.walk(self.output):
            for name in names:
                target = os.path.join(self.source, os.path.relpath(path, self.output), name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.link(os.path.join(path, name), target)
        write(f"{self.source}/package/deep/module.py", "def where():\n    return 'changed'\n")
        program = (
            f"import sys; sys.path.insert(0, {self.source!r}); import package.deep.module as m;"
            "print(m.where(), m.where.__code__.co_filename)"
        )
        command = [sys.executable, "-I", "-c", program]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        place = f"{self.source}/package/deep/module.py"
        self.assertEqual(result.stdout, f"original {place}\n")

    def test_wrong_arguments_are_told_apart_from_failures(self) -> None:
        self.assertEqual(self.compile().returncode, 2)
        self.assertEqual(self.compile(self.source).returncode, 2)
        result = self.compile(self.source, "/proc/absent")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot compile", result.stderr)


if __name__ == "__main__":
    unittest.main()
