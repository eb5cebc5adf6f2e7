# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every goal from beginning to end: what changes, what is told, what lies on the disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from stage import DRIVE, Outcome, Stage


class Goals(unittest.TestCase):
    project_name = "project"

    def setUp(self) -> None:
        self.stage = Stage(self.project_name)
        self.addCleanup(self.stage.stop)

    def done(self, *words: str) -> Outcome:
        outcome = self.stage.drive(*words)
        self.assertEqual(outcome.status, 0, outcome.text + outcome.errors)
        return outcome

    def fails(self, code: str, *words: str) -> Outcome:
        outcome = self.stage.drive(*words)
        self.assertEqual(outcome.status, 1, outcome.text + outcome.errors)
        self.assertEqual(outcome.one("fault").split()[0], code, outcome.text)
        return outcome

    def link(self) -> None:
        (self.stage.project / ".venv").symlink_to(self.stage.current())

    def run_inside(self, *argv: str) -> tuple[str, str]:
        outcome = self.done("run", *argv)
        return outcome.one("status"), outcome.one("output")


class Changes(Goals):
    def test_first_sync_installs_and_hands_out_the_lock(self) -> None:
        outcome = self.done("sync", "+", "show")
        self.assertEqual(outcome.all("change"), ["install alpha - 1.0", "install beta - 2.0"])
        self.assertEqual(outcome.all("file"), ["pylock.toml"])
        self.assertEqual(outcome.one("generation"), "1")
        self.assertEqual(outcome.all("package"), ["alpha 1.0 direct", "beta 2.0"])

    def test_second_sync_starts_no_worker(self) -> None:
        self.done("sync", "+", "settle")
        n_requests = len(self.stage.index.log)
        trace = self.stage.directory / "trace"
        if shutil.which("strace") is None:
            self.skipTest("strace is not installed")
        subprocess.run(
            ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace), str(DRIVE)]
            + [str(self.stage.project), "sync"],
            env={**self.stage.environ(), "ASAN_OPTIONS": "detect_leaks=0"},  # cannot be traced
            stdout=subprocess.DEVNULL,
            check=True,
        )
        executed = [line for line in trace.read_text().splitlines() if "execve(" in line]
        self.assertEqual(len(executed), 1, executed)
        self.assertEqual(len(self.stage.index.log), n_requests)

    def test_touched_file_is_not_resolved_again(self) -> None:
        self.done("sync", "+", "settle")
        os.utime(self.stage.project / "pyproject.toml")
        outcome = self.done("sync", "+", "show")
        self.assertNotIn("phase staging", outcome.lines)
        self.assertEqual(outcome.one("generation"), "1")

    def test_changed_project_is_resolved_again(self) -> None:
        self.done("sync", "+", "settle")
        path = self.stage.project / "pyproject.toml"
        path.write_text(path.read_text().replace('["alpha"]', '["alpha", "gamma"]'))
        outcome = self.done("sync", "+", "show")
        self.assertIn("install gamma - 0.5", outcome.all("change"))
        self.assertEqual(outcome.one("generation"), "2")

    def test_lost_trees_are_brought_back(self) -> None:
        self.done("sync", "+", "settle")
        for tree in (self.stage.directory / "cache" / "trees").iterdir():
            subprocess.run(["chmod", "-R", "u+w", str(tree)], check=True)
            shutil.rmtree(tree)
        self.done("sync", "+", "settle")
        self.assertEqual(self.stage.check_trees(), 2)
        self.assertEqual(self.run_inside("python", "-c", "import alpha; print(alpha.VALUE)"), ("0", "1"))

    def test_install_and_remove_change_project_and_generation(self) -> None:
        self.done("sync")
        outcome = self.done("install", "gamma", "+", "show")
        self.assertEqual(outcome.all("file"), ["pyproject.toml", "pylock.toml"])
        self.assertIn("gamma 0.5 direct", outcome.all("package"))
        outcome = self.done("remove", "gamma", "+", "show")
        self.assertIn("remove gamma 0.5 -", outcome.all("change"))
        self.assertEqual(outcome.one("generation"), "3")

    def test_update_takes_what_is_newer(self) -> None:
        self.done("sync")
        self.stage.index.add_wheel("beta", "3.0")
        self.assertEqual(self.done("sync").all("change")[1], "keep beta 2.0 2.0")
        self.assertIn("upgrade beta 2.0 3.0", self.done("update").all("change"))

    def test_dry_run_changes_nothing(self) -> None:
        outcome = self.done("dry-run", "+", "show")
        self.assertIn("install   alpha 1.0", outcome.text)
        self.assertEqual(outcome.one("generation"), "0")
        self.assertFalse((self.stage.project / "pylock.toml").exists())

    def test_lock_installs_nothing(self) -> None:
        outcome = self.done("lock", "+", "show")
        self.assertEqual(outcome.all("file"), ["pylock.toml"])
        self.assertEqual(outcome.one("generation"), "0")

    def test_rollback_goes_to_the_one_before_and_back(self) -> None:
        self.done("sync", "+", "install", "gamma")
        self.assertEqual(self.done("rollback", "+", "show").one("generation"), "1")
        self.assertEqual(self.done("rollback", "2", "+", "show").one("generation"), "2")
        self.fails("NoGeneration", "rollback", "9")

    def test_old_generations_are_removed_beyond_the_wanted_number(self) -> None:
        with (self.stage.project / "pyproject.toml").open("a") as file:
            file.write("\n[tool.blast.env_layer]\nmax_snapshots = 2\n")
        self.done("sync", "+", "install", "gamma", "+", "remove", "gamma", "+", "install", "gamma", "+", "settle")
        generations = self.stage.current().parent / "generations"
        self.assertEqual(sorted(p.name for p in generations.iterdir()), ["3", "4"])

    def test_unknown_package_fails_and_leaves_the_old_state(self) -> None:
        self.done("sync")
        self.fails("IndexNotFound", "install", "no-such-package")
        self.assertEqual(self.done("show").one("generation"), "1")
        self.assertNotIn("no-such", (self.stage.project / "pyproject.toml").read_text())

    def test_corrupt_wheel_fails_with_its_name(self) -> None:
        self.stage.index.fault(r"beta-2.*\.whl$", "corrupt", "0")
        outcome = self.fails("HashMismatch", "sync")
        self.assertIn("beta", outcome.one("fault"))
        self.assertEqual(self.stage.leftovers(), [])
        self.assertEqual(self.done("show").one("generation"), "0")

    def test_offline_without_anything_says_so(self) -> None:
        self.fails("Offline", "offline-sync")

    def test_collect_removes_trees_of_deleted_environments(self) -> None:
        self.done("sync", "+", "settle", "+", "delete")
        self.done("collect", "+", "settle")
        self.assertEqual(self.stage.check_trees(), 0)
        self.assertEqual(self.stage.leftovers(), [])

    def test_collect_removes_environments_of_deleted_projects(self) -> None:
        self.done("sync", "+", "settle")
        shutil.rmtree(self.stage.project)
        outcome = self.stage.drive("collect", "+", "settle", project=Path("@"))
        self.assertEqual(outcome.status, 0, outcome.text + outcome.errors)
        self.assertIn("which is gone", outcome.text)
        self.assertEqual(self.stage.environments(), [])


class Runs(Goals):
    def test_status_and_output_of_a_program_are_the_jobs(self) -> None:
        self.done("sync")
        self.assertEqual(self.run_inside("python", "-c", "import alpha; print(alpha.VALUE)"), ("0", "1"))
        outcome = self.done("run", "python", "-c", "raise SystemExit(7)")
        self.assertEqual(outcome.one("status"), "7")

    def test_console_script_runs_in_and_outside(self) -> None:
        self.done("sync", "+", "complete-venv")
        self.link()
        self.assertEqual(self.run_inside("alpha-tool"), ("3", "tool 1"))
        script = self.stage.project / ".venv" / "bin" / "alpha-tool"
        process = subprocess.run([str(script)], capture_output=True, text=True, check=False)
        self.assertEqual((process.returncode, process.stdout), (3, "tool 1\n"), process.stderr)

    def test_copy_is_an_ordinary_venv(self) -> None:
        self.done("sync", "+", "complete-venv")
        self.link()
        python = self.stage.project / ".venv" / "bin" / "python"
        code = "import sys, alpha; print(sys.prefix, sys.prefix != sys.base_prefix)"
        found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(found.stdout.split("\n")[0], f"{self.stage.project / '.venv'} True")
        for shell, command in (("sh", "."), ("bash", "source")):
            script = f'{command} "$0" && command -v python && deactivate && echo "${{VIRTUAL_ENV-none}}"'
            activate = str(self.stage.project / ".venv" / "bin" / "activate")
            found = subprocess.run([shell, "-euc", script, activate], capture_output=True, text=True)
            self.assertEqual(found.stdout, f"{python}\nnone\n", found.stderr)

    def test_somebody_elses_venv_is_left_alone(self) -> None:
        (self.stage.project / ".venv").mkdir()
        self.done("sync")
        self.assertEqual(list((self.stage.project / ".venv").iterdir()), [])
        self.assertEqual(self.run_inside("alpha-tool"), ("3", "tool 1"))

    def test_what_was_installed_by_hand_is_carried_forward(self) -> None:
        self.done("sync")
        make = "import sysconfig; open(sysconfig.get_path('purelib') + '/mine.py', 'w').write('X = 5')"
        self.assertEqual(self.done("run", "python", "-c", make).one("status"), "0")
        outcome = self.done("install", "gamma")
        if "were carried forward" not in outcome.text:
            upper = self.stage.current().parent / "generations" / "1" / ".blast" / "upper"
            if not list(upper.iterdir()):
                self.skipTest("uppers are volatile on this file system")
        self.assertIn("were carried forward", outcome.text)
        self.assertEqual(self.run_inside("python", "-c", "import mine; print(mine.X)"), ("0", "5"))


class Many(Goals):
    def test_more_packages_than_an_overlay_holds_can_be_used(self) -> None:
        names = [f"part{number}" for number in range(501)]
        for name in names:
            self.stage.index.add_wheel(name, "1.0")
        quoted = ", ".join(f'"{name}"' for name in names)
        path = self.stage.project / "pyproject.toml"
        path.write_text(path.read_text().replace('["alpha"]', f"[{quoted}]"))
        outcome = self.done("sync", "+", "show")
        self.assertEqual(len(outcome.all("package")), 501)
        self.assertEqual(outcome.one("venv"), "complete")
        self.assertEqual(
            self.run_inside("python", "-c", "import part0, part500; print(part500.__version__)"),
            ("0", "1.0"),
        )


class Moves(Goals):
    def test_moved_project_keeps_its_environment(self) -> None:
        before = self.done("sync", "+", "show").one("environment").split()[0]
        moved = self.stage.directory / "else where"
        self.stage.project.rename(moved)
        self.stage.project = moved
        outcome = self.done("sync", "+", "show")
        self.assertEqual(outcome.one("environment").split()[0], before)
        self.assertEqual(outcome.one("generation"), "2")
        self.link()
        self.assertEqual(self.run_inside("alpha-tool"), ("3", "tool 1"))

    def test_copied_project_gets_its_own_environment(self) -> None:
        before = self.done("sync", "+", "show").one("environment").split()[0]
        copy = self.stage.directory / "copy"
        shutil.copytree(self.stage.project, copy, symlinks=True)
        outcome = self.stage.drive("sync", "+", "show", project=copy)
        self.assertNotEqual(outcome.one("environment").split()[0], before)
        self.assertEqual(outcome.one("generation"), "1")


class Interruptions(Goals):
    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(DRIVE), str(self.stage.project), *words],
            env={**self.stage.environ(), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_child(self, process: subprocess.Popen[str], name: str) -> int:
        """The pid of a worker of a name, once it runs."""
        for _ in range(500):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for child in children:
                try:
                    if Path(f"/proc/{child}/comm").read_text().strip() == name:
                        return int(child)
                except OSError:
                    continue  # it has ended meanwhile
            time.sleep(0.02)
        raise AssertionError(f"{name} was never seen")

    def end(self, process: subprocess.Popen[str]) -> str:
        output, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, output + errors)
        return output

    def test_killed_fetcher_is_named(self) -> None:
        self.stage.index.fault(r"\.whl$", "stall", "30")
        process = self.start("sync")
        child = self.wait_for_child(process, "blast-fetch")
        time.sleep(0.3)
        os.kill(child, signal.SIGKILL)
        # Either side may notice first: we, or blast-resolve.
        self.assertIn("fault WorkerFailed [", self.end(process))

    def test_killed_resolver_is_named(self) -> None:
        self.stage.index.fault(r"/simple/alpha/", "stall", "30")
        process = self.start("sync")
        self.wait_for_child(process, "blast-fetch")
        os.kill(self.wait_for_child(process, "blast-resolve"), signal.SIGKILL)
        self.assertIn("fault WorkerFailed [blast-resolve] blast-resolve was ended by signal 9", self.end(process))

    def test_cancelled_job_leaves_nothing(self) -> None:
        self.stage.index.fault(r"\.whl$", "stall", "30")
        output = self.end(self.start("sync", CANCEL_AT="fetching"))
        self.assertIn("cancel taken\njob sync cancelled\nfault Cancelled", output)
        self.assertEqual(self.done("show").one("generation"), "0")
        self.assertEqual(self.stage.leftovers(), [])

    def test_change_that_is_being_made_is_not_cancelled(self) -> None:
        outcome = subprocess.run(
            [str(DRIVE), str(self.stage.project), "sync", "+", "show"],
            env={**self.stage.environ(), "CANCEL_AT": "staging"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        self.assertIn("cancel refused\nfault Busy", outcome)
        self.assertIn("generation 1", outcome)

    def test_jobs_of_one_environment_follow_each_other(self) -> None:
        outcome = self.done("sync", "&", "install", "gamma", "&", "remove", "gamma", "+", "show")
        self.assertEqual(outcome.all("job"), ["sync done", "install done", "remove done"])
        self.assertEqual(outcome.one("generation"), "3")

    def test_job_behind_a_deletion_is_told(self) -> None:
        self.done("sync")
        outcome = self.stage.drive("delete", "&", "sync", "+", "settle")
        self.assertEqual(outcome.all("job"), ["delete done", "sync failed"])
        self.assertIn("NoEnvironment", outcome.one("fault"))

    def test_running_program_does_not_hold_up_a_change(self) -> None:
        self.done("sync")
        outcome = self.done("run", "sleep", "2", "&", "install", "gamma", "+", "show")
        self.assertEqual(outcome.all("job"), ["install done", "run done"])

    def test_cancelled_run_ends_its_program(self) -> None:
        self.done("sync")
        output = self.end(self.start("run", "sleep", "1000", CANCEL_AT="running"))
        self.assertIn("job run cancelled", output)

    def test_program_survives_the_daemon_and_is_found_again(self) -> None:
        self.done("sync")
        process = self.start("run", "sleep", "1000")
        self.wait_for_child(process, "blast-monitor")
        time.sleep(0.5)
        process.kill()
        process.communicate()
        self.assertEqual(self.done("show").one("environment").split()[1], "running")
        self.assertEqual(self.done("kill", "9", "+", "settle", "+", "show").one("environment").split()[1], "ready")


class StrangePath(Runs):
    project_name = "a straße with spaces"


class LongPath(Goals):
    project_name = "x" * 200

    def test_shebang_is_too_long_for_the_kernel(self) -> None:
        self.done("sync")
        self.link()
        self.assertEqual(self.run_inside("alpha-tool"), ("3", "tool 1"))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
