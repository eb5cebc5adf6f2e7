#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of a project's packages: start, install, remove, update, rollback, lock, with and without an index."""

from __future__ import annotations

import json
import tomllib
import unittest

from harness import EmbeddedTest, main

PYPROJECT = """[project]
name = "demo"
version = "1.0"
requires-python = ">=3.8"
dependencies = [
        "alpha>=1",  # kept
]
"""
SHOW = "import alpha, beta; print(alpha.__version__, beta.__version__)"


class PackagesTest(EmbeddedTest):
    def setUp(self) -> None:
        super().setUp()
        self.world.index.load(
            {
                "alpha": {"1.0": {"requires": ["beta>=1,<2"]}, "1.5": {"requires": ["beta>=1,<2"]}},
                "beta": {"1.0": {}, "1.2": {}, "2.0": {}},
                "gamma": {"1.0": {"entry_points": "[console_scripts]\ngamma-say = gamma:main\n",
                                  "files": {"gamma.py": "def main():\n    print('gamma speaks')\n"}}},
            }
        )
        self.project = self.world.project(pyproject=PYPROJECT)

    def test_start_installs_and_runs(self) -> None:
        done = self.world.blast(self.project, "start", "--", "python", "-c", SHOW)
        self.assertEqual(self.ok(done).strip(), "1.5 1.2")
        lock = tomllib.loads((self.project / "pylock.toml").read_text())
        self.assertEqual([p["name"] for p in lock["packages"]], ["alpha", "beta"])
        self.assertTrue((self.project / ".venv").is_symlink())

    def test_start_again_without_an_index(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        self.world.index.stop()
        self.assertEqual(self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW)).strip(), "1.5 1.2")
        other = self.world.project("other", pyproject=PYPROJECT)
        done = self.world.blast(other, "start", "--offline", "--", "python", "-c", SHOW)
        self.assertEqual(self.ok(done).strip(), "1.5 1.2")

    def test_second_start_asks_nothing_of_the_index(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        asked = len(self.world.index.log)
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        self.assertEqual(len(self.world.index.log), asked)

    def test_install_and_remove_change_the_project(self) -> None:
        self.ok(self.world.blast(self.project, "install", "gamma"))
        text = (self.project / "pyproject.toml").read_text()
        self.assertIn("# kept", text)
        names = tomllib.loads(text)["project"]["dependencies"]
        self.assertEqual(len(names), 2)
        self.assertTrue(names[1].startswith("gamma"))
        self.assertEqual(self.ok(self.world.blast(self.project, "run", "gamma-say")).strip(), "gamma speaks")
        self.ok(self.world.blast(self.project, "remove", "gamma"))
        self.assertEqual(tomllib.loads((self.project / "pyproject.toml").read_text())["project"]["dependencies"],
                         ["alpha>=1"])
        done = self.world.blast(self.project, "run", "--no-sync", "python", "-c", "import gamma")
        self.assertEqual(done.returncode, 1)
        self.assertIn("ModuleNotFoundError", done.stderr)

    def test_install_without_a_project_file_is_remembered(self) -> None:
        bare = self.world.project("bare")
        self.ok(self.world.blast(bare, "install", "beta"))
        self.assertEqual(self.json(bare, "list")[0]["version"], "2.0")
        self.ok(self.world.blast(bare, "install", "gamma"))
        self.assertEqual([p["name"] for p in self.json(bare, "list")], ["beta", "gamma"])

    def test_requirements_file_is_a_project(self) -> None:
        listed = self.world.project("listed", requirements="# what we need\nbeta<2\n")
        self.ok(self.world.blast(listed, "start", "--", "python", "-c", "import beta"))
        self.assertEqual(self.json(listed, "list")[0]["version"], "1.2")
        self.ok(self.world.blast(listed, "install", "gamma"))
        self.assertIn("gamma", (listed / "requirements.txt").read_text())
        self.assertIn("# what we need", (listed / "requirements.txt").read_text())

    def test_lock_keeps_versions_until_update(self) -> None:
        self.ok(self.world.blast(self.project, "lock"))
        self.world.index.add_wheel("beta", "1.3")
        self.ok(self.world.blast(self.project, "lock", environ={"BLAST_PAGE_AGE_MAX": "0"}))
        locked = tomllib.loads((self.project / "pylock.toml").read_text())["packages"]
        self.assertEqual(locked[1]["version"], "1.2")
        self.ok(self.world.blast(self.project, "update", "beta", environ={"BLAST_PAGE_AGE_MAX": "0"}))
        self.assertEqual(self.json(self.project, "list")[1]["version"], "1.3")

    def test_rollback_goes_back_and_forth(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        self.ok(self.world.blast(self.project, "install", "gamma"))
        self.ok(self.world.blast(self.project, "rollback"))
        self.assertEqual([p["name"] for p in self.json(self.project, "list")], ["alpha", "beta"])
        listed = self.json(self.project, "rollback", "--list")
        self.assertEqual([g["current"] for g in listed].count(True), 1)
        self.ok(self.world.blast(self.project, "rollback", "2"))
        self.assertEqual(len(self.json(self.project, "list")), 3)
        self.fails(self.world.blast(self.project, "rollback", "99"), 39, "99")

    def test_dry_run_changes_nothing(self) -> None:
        out = self.ok(self.world.blast(self.project, "install", "--dry-run", "gamma"))
        self.assertIn("gamma", out)
        self.assertEqual((self.project / "pyproject.toml").read_text(), PYPROJECT)
        self.assertFalse((self.project / "pylock.toml").exists())
        self.assertFalse((self.project / ".venv").is_symlink())

    def test_frozen_and_locked(self) -> None:
        self.fails(self.world.blast(self.project, "install", "--frozen"), 30)
        self.ok(self.world.blast(self.project, "lock"))
        self.ok(self.world.blast(self.project, "install", "--locked"))
        changed = PYPROJECT.replace('"alpha>=1",', '"alpha>=1", "gamma",')
        (self.project / "pyproject.toml").write_text(changed)
        self.fails(self.world.blast(self.project, "install", "--locked"), 29, "pylock.toml")
        self.ok(self.world.blast(self.project, "install", "--frozen"))
        self.assertEqual([p["name"] for p in self.json(self.project, "list")], ["alpha", "beta"])

    def test_status_and_list_speak_json(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        status = self.json(self.project, "status")
        self.assertEqual(status["project"], str(self.project))
        self.assertEqual(status["generation"], 1)
        names = {row["name"] for row in status["guarantees"]}
        self.assertTrue(names, "no guarantee was read back")
        packages = self.json(self.project, "list")
        self.assertEqual([(p["name"], p["direct"]) for p in packages], [("alpha", True), ("beta", False)])
        changes = json.loads(self.ok(self.world.blast(self.project, "install", "--json")))
        self.assertEqual({change["action"] for change in changes["changes"]}, {"keep"})

    def test_venv_is_complete_for_editors(self) -> None:
        self.ok(self.world.blast(self.project, "start", "--", "python", "-c", SHOW))
        site = self.project / ".venv" / "lib"
        self.wait_for_venv()
        self.assertTrue(list(site.glob("python*/site-packages/alpha.py")))
        done = self.world.command("/bin/sh", "-c", f". .venv/bin/activate && python -c '{SHOW}'")
        import subprocess

        out = subprocess.run(done, cwd=self.project, env=self.world.environ, capture_output=True, text=True)
        self.assertEqual(self.ok(out).strip(), "1.5 1.2")

    def test_proxy_of_the_environment_is_used(self) -> None:
        """The index is named by an address that only the proxy knows."""
        port = self.world.index.root.rsplit(":", 1)[1]
        environ = {"BLAST_INDEX_URL": "http://index.example/simple", "http_proxy": f"http://127.0.0.1:{port}"}
        self.ok(self.world.blast(self.project, "lock", environ=environ))
        self.assertTrue(any(r.path.startswith("http://index.example/") for r in self.world.index.log))

    def wait_for_venv(self) -> None:
        from harness import wait_for

        wait_for(lambda: self.json(self.project, "status")["venv"] == "complete", "the copy for editors")


if __name__ == "__main__":
    main()
