#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input: each gives one clear sentence, names the place, and has an exit status of its own."""

from __future__ import annotations

import os
import subprocess
import unittest

from harness import EmbeddedTest, main

HEAD = '[project]\nname = "demo"\nversion = "1.0"\n'


class FaultsTest(EmbeddedTest):
    def install(self, name: str = "demo", **files: str) -> subprocess.CompletedProcess[str]:
        options = {"BLAST_TIMEOUT": "2", "BLAST_RETRIES": "0"}
        return self.world.blast(self.world.project(name, **files), "install", environ=options)

    def want(self, *dependencies: str) -> subprocess.CompletedProcess[str]:
        listed = ", ".join(f'"{item}"' for item in dependencies)
        return self.install(pyproject=f"{HEAD}dependencies = [{listed}]\n")

    def test_broken_toml(self) -> None:
        self.fails(self.install(pyproject=HEAD + "dependencies = [\n"), 10, "pyproject.toml:")

    def test_broken_requirement(self) -> None:
        self.fails(self.want("alpha >< 2"), 10, "pyproject.toml:4", "alpha >< 2")

    def test_broken_requirements_line(self) -> None:
        self.fails(self.install(requirements="beta\nalpha ==\n"), 10, "requirements.txt:2")

    def test_unknown_key(self) -> None:
        said = self.fails(self.install(blast="[sandbox]\nnetwork_isolatoin = true\n"), 11, "blast.toml:2")
        self.assertIn("network_isolation", said)

    def test_value_out_of_range(self) -> None:
        self.fails(self.install(blast="[resolver]\nrequest_timeout = -1\n"), 12, "blast.toml:2")

    def test_impossible_requirement_is_explained(self) -> None:
        self.world.index.load({"alpha": {"1.0": {"requires": ["beta>=2"]}}, "beta": {"1.0": {}, "2.0": {}}})
        said = self.fails(self.want("alpha", "beta<2"), 14, "alpha", "beta")
        self.assertIn("ecause", said)

    def test_unknown_package(self) -> None:
        self.fails(self.want("there-is-no-such-package"), 18, "there-is-no-such-package")

    def test_wheel_for_another_platform(self) -> None:
        self.world.index.add_wheel("alpha", "1.0", tag="cp311-cp311-win_amd64")
        self.fails(self.want("alpha"), 15, "alpha", "Windows")

    def test_hash_mismatch(self) -> None:
        self.world.index.add_wheel("alpha", "1.0", sha256="0" * 64)
        self.fails(self.want("alpha"), 16, "alpha")
        trees = self.world.cache() / "trees"
        self.assertEqual(list(trees.iterdir()) if trees.exists() else [], [])

    def test_truncated_download(self) -> None:
        self.world.index.add_wheel("alpha", "1.0")
        self.world.index.fault(r"/files/alpha/.*\.whl$", "truncate", 100)
        self.fails(self.want("alpha"), 17, "alpha")

    def test_broken_wheel(self) -> None:
        wheel = self.world.index.add_wheel("alpha", "1.0")
        wheel.data = wheel.data[:-30]
        self.fails(self.want("alpha"), 26, "alpha")

    def test_index_says_500(self) -> None:
        self.world.index.fault(r"/simple/alpha/", "status", 500)
        self.fails(self.want("alpha"), 19, "500")

    def test_index_does_not_answer(self) -> None:
        self.world.index.fault(r"/simple/alpha/", "stall", 60)
        self.fails(self.want("alpha"), 20, "alpha")

    def test_index_is_unreachable(self) -> None:
        url = self.world.index.url
        self.world.index.stop()
        self.fails(self.want("alpha"), 19, url.split("//")[1].split("/")[0])

    def test_index_page_is_nonsense(self) -> None:
        self.world.index.add_wheel("alpha", "1.0")
        self.world.index.fault(r"/simple/alpha/", "page", "[1, 2")
        self.fails(self.want("alpha"), 21, "alpha")

    def test_offline_without_cache(self) -> None:
        project = self.world.project(pyproject=HEAD + 'dependencies = ["alpha"]\n')
        self.fails(self.world.blast(project, "install", "--offline"), 28, "alpha")

    def test_no_python_of_that_version(self) -> None:
        said = self.fails(self.install(pyproject=HEAD + 'requires-python = ">=3.99"\n'), 24, "3.99")
        self.assertIn("found", said)

    def test_project_path_too_long(self) -> None:
        path = self.world.projects
        for _ in range(18):
            path /= "d" * 220
            try:
                path.mkdir(parents=True)
            except OSError:
                break
        self.world.give(self.world.projects)
        # chdir by steps: the whole path is longer than a system call takes
        before = os.getcwd()
        os.chdir(self.world.projects)
        try:
            for _ in range(18):
                try:
                    os.chdir("d" * 220)
                except OSError:
                    os.mkdir("d" * 220)
                    os.chdir("d" * 220)
            (lambda f: (f.write(HEAD), f.close()))(open("pyproject.toml", "w"))  # noqa: SIM115
            done = self.world.blast(".", "install")  # type: ignore[arg-type]
        finally:
            os.chdir(before)
        self.assertLess(len(self.fails(done, 25, "limit")), 1000)

    def test_project_file_that_is_no_file(self) -> None:
        project = self.world.project()
        os.mkfifo(project / "pyproject.toml")
        self.world.give(project)
        self.fails(self.world.blast(project, "install"), 12, "not a regular file")

    def test_disk_full(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small disk")
        self.world.index.add_wheel("alpha", "1.0", files={"alpha.py": os.urandom(3 << 20).hex()})
        cache = self.world.home / ".cache"
        cache.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", str(cache)], check=True)
        self.world.give(cache)
        try:
            self.fails(self.want("alpha"), 23, "space", "cache directory")
        finally:
            self.world.stop_daemon()
            subprocess.run(["umount", "-l", str(cache)], check=True)

    def test_wrong_usage(self) -> None:
        project = self.world.project()
        self.fails(self.world.blast(project, "instal"), 2, "install")
        self.fails(self.world.blast(project, "install", "--frobnicate"), 2, "--frobnicate")
        self.fails(self.world.blast(project, "run"), 2, "COMMAND")
        self.fails(self.world.blast(project, "status"), 13)

    def test_error_as_json_has_the_bus_name(self) -> None:
        project = self.world.project(pyproject=HEAD + "dependencies = [\n")
        done = self.world.blast(project, "install", "--json")
        self.assertIn('"org.blast.Blast1.Error.ProjectSyntax"', done.stdout)


if __name__ == "__main__":
    main()
