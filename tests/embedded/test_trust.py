#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What hostile projects try: other owners, lying interpreters, files that are none, walls that cannot be kept."""

from __future__ import annotations

import os
import stat
import subprocess
import unittest
from pathlib import Path

from harness import TEST_UID, EmbeddedTest, main, wait_for

PYPROJECT = '[project]\nname = "demo"\nversion = "1"\ndependencies = []\n'
#: Runs the real Python with the probe on stdin, and says that it belongs elsewhere.
LIAR = r"""
#include <unistd.h>
int main(void) {
        char *argv[] = { "sh", "-c",
                "/usr/bin/python3 -I -S - | sed 's#prefix\": \"[^\"]*\"#prefix\": \"" CLAIM "\"#g'", NULL };
        char *environ[] = { "PATH=/usr/bin:/bin", NULL };
        return execve("/bin/sh", argv, environ);
}
"""


class TrustTest(EmbeddedTest):
    def test_interpreter_of_the_project_cannot_open_the_home(self) -> None:
        secret = self.world.home / ".ssh"
        project = self.world.project(pyproject=PYPROJECT)
        source = self.world.top / "liar.c"
        source.write_text(LIAR)
        subprocess.run(["cc", f'-DCLAIM="{secret}"', "-o", str(project / "python3"), str(source)], check=True)
        (project / ".python-version").write_text(f"{project / 'python3'}\n")
        self.world.give(project)
        said = self.fails(self.world.blast(project, "run", "cat", str(secret / "id_canary")), 125, "it says that it belongs")
        self.assertNotIn("secret\n", said)

    @unittest.skipUnless(os.geteuid() == 0, "two uids need root")
    def test_project_of_another_user_is_refused_until_it_is_declared_safe(self) -> None:
        project = self.world.project(pyproject=PYPROJECT)
        stranger = 54322 if TEST_UID >= 0 else 54321
        os.chown(project, stranger, stranger)
        project.chmod(0o777)
        self.fails(self.world.blast(project, "run", "true"), 125, f"belongs to user {stranger}", "BLAST_SAFE_DIRECTORY")
        self.assertFalse((project / "pylock.toml").exists())
        self.ok(self.world.blast(project, "run", "true", environ={"BLAST_SAFE_DIRECTORY": f"/none:{project}"}))

    @unittest.skipUnless(os.geteuid() == 0, "two uids need root")
    def test_directory_of_root_where_everybody_writes_is_refused_to_others(self) -> None:
        project = self.world.project(pyproject=PYPROJECT)
        os.chown(project, 0, 0)
        project.chmod(0o1777)
        done = self.world.blast(project, "run", "true")
        if TEST_UID >= 0:
            self.fails(done, 125, "Everybody can write")
        else:  # its own
            self.ok(done)

    def test_files_that_are_none_are_refused_at_once(self) -> None:
        for number, name in enumerate(("pyproject.toml", "pylock.toml", "blast.toml", ".python-version")):
            for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path)):
                with self.subTest(name=name, make=make):
                    project = self.world.project(f"special{number}{make.__name__[:2]}", pyproject=PYPROJECT)
                    (project / name).unlink(missing_ok=True)
                    make(project / name)
                    self.world.give(project)
                    self.fails(self.world.blast(project, "run", "true"), 125)

    def test_links_in_the_project_are_not_written_through(self) -> None:
        project = self.world.project(pyproject=PYPROJECT)
        precious = self.world.home / ".bashrc"
        precious.write_text("precious\n")
        (project / "pylock.toml").symlink_to(precious)
        self.world.give(self.world.home)
        self.world.blast(project, "run", "true")
        self.assertEqual(precious.read_text(), "precious\n")

    def test_what_runs_inside_leaves_no_set_id_file_and_no_changed_device(self) -> None:
        project = self.world.project(pyproject=PYPROJECT)
        before = os.stat("/dev/full")
        code = (
            "import ctypes, os\n"
            "how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, 0o6755, 0)\n"
            "ctypes.CDLL(None).syscall(437, -100, b'planted', ctypes.byref(how), 24)\n"
            "for change in (lambda: os.chmod('/dev/full', 0o600), lambda: os.utime('/dev/full', (0, 0))):\n"
            "    try: change()\n"
            "    except OSError: pass\n"
        )
        self.ok(self.world.blast(project, "run", "python", "-c", code))
        self.assertFalse([path for path in project.iterdir() if path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID)])
        after = os.stat("/dev/full")
        self.assertEqual((before.st_mode, before.st_mtime), (after.st_mode, after.st_mtime))

    def test_what_is_written_into_the_environment_runs_inside_only(self) -> None:
        project = self.world.project(pyproject=PYPROJECT)
        code = (
            "import os, site, sys\n"
            "open(site.getsitepackages()[0] + '/planted.pth', 'w').write('import os; os.environ[\"PLANTED\"] = \"1\"')\n"
            "for name in ('activate', 'python'):\n"
            "    path = os.environ['VIRTUAL_ENV'] + '/bin/' + name\n"
            "    os.unlink(path); open(path, 'w').write('echo planted'); os.chmod(path, 0o755)\n"
        )
        self.ok(self.world.blast(project, "run", "python", "-c", code))
        python = project / ".venv" / "bin" / "python"
        outside = subprocess.run([str(python), "-c", "import os; print(os.environ.get('PLANTED'))"], capture_output=True, text=True)
        self.assertEqual(outside.stdout, "None\n")
        self.assertNotIn("planted", (project / ".venv/bin/activate").read_text())
        self.assertTrue(Path(os.readlink(python)).is_absolute())

    def test_what_is_carried_forward_is_not_in_the_copy_for_outside(self) -> None:
        self.world.index.load({"alpha": {"1.0": {}}})
        project = self.world.project(pyproject=PYPROJECT)
        code = "import site; open(site.getsitepackages()[0] + '/planted.pth', 'w').write('import os; os.environ[\"PLANTED\"] = \"1\"')"
        self.ok(self.world.blast(project, "run", "python", "-c", code))
        self.ok(self.world.blast(project, "install", "alpha"))
        inside = self.world.blast(project, "run", "python", "-c", "import os; print(os.environ.get('PLANTED'))")
        self.assertIn(self.ok(inside), ("1\n", "None\n"))  # None: the upper was volatile
        generation = (project / ".venv").resolve()
        wait_for(lambda: list(generation.glob("lib/python3*/site-packages/alpha*")), "the copy for outside")
        self.assertEqual(list(generation.glob("lib/python3*/site-packages/planted*")), [])

    def test_store_in_the_project_is_refused(self) -> None:
        project = self.world.project(pyproject=PYPROJECT)
        self.world.environ["XDG_CACHE_HOME"] = str(project / "cache")
        self.fails(self.world.blast(project, "run", "true"), 125, "keeps its own files at")

    def test_daemon_that_stays_knows_no_password(self) -> None:
        project = self.world.project(pyproject=PYPROJECT)
        self.world.environ["BLAST_INDEX_URL"] = "http://bob:hunter2@127.0.0.1:9/simple"
        self.world.environ["PIP_EXTRA_INDEX_URL"] = "http://bob:hunter2@127.0.0.1:9/other"
        self.ok(self.world.blast(project, "run", "true"))
        (pid,) = self.world.daemons()
        self.assertNotIn(b"hunter2", Path(f"/proc/{pid}/environ").read_bytes())

    def test_direction_of_text_is_not_turned(self) -> None:
        project = self.world.project("turn\u202eed", pyproject=PYPROJECT)
        self.ok(self.world.blast(project, "run", "true"))
        said = self.ok(self.world.blast(project, "status"))
        self.assertIn("turn", said)
        self.assertNotIn("\u202e", said)

    def test_strict_starts_where_nothing_that_was_asked_for_is_missing(self) -> None:
        project = self.world.project(pyproject=PYPROJECT + '[tool.blast.security]\ndefault_policy = "strict"\n')
        self.ok(self.world.blast(project, "run", "true"))

    def test_strict_names_the_limit_it_cannot_keep(self) -> None:
        project = self.world.project(
            pyproject=PYPROJECT + '[tool.blast.security]\ndefault_policy = "strict"\n[tool.blast.sandbox.resources]\ndisk_limit = 1073741824\n'
        )
        self.fails(self.world.blast(project, "run", "true"), 125, "disk_limit", "strict")


if __name__ == "__main__":
    main()
