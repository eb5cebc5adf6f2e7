# SPDX-License-Identifier: LGPL-2.1-or-later
"""Killed with SIGKILL at every step, an environment is in its old state or in its new one."""

from __future__ import annotations

import re
import signal
import unittest

from stage import ROOT, Stage

OLD = ["alpha 1.0 direct", "beta 2.0"]
NEW = [*OLD, "gamma 0.5 direct"]


def fail_points() -> list[str]:
    header = (ROOT / "src/environment/fail-point.h").read_text()
    definition = re.search(r"#define FAIL_POINTS((?:.*\\\n)*.*)", header)
    assert definition
    return re.findall(r'"([a-z-]+)"', definition.group(1))


class Recovery(unittest.TestCase):
    def setUp(self) -> None:
        self.stage = Stage()
        self.addCleanup(self.stage.stop)

    def check_whole(self) -> list[str]:
        """The environment is usable as it stands; returns its packages."""
        shown = self.stage.drive("settle", "+", "show")
        self.assertEqual(shown.status, 0, shown.text + shown.errors)
        self.assertEqual(self.stage.leftovers(), [], shown.text + shown.errors)
        self.stage.check_trees()
        packages = shown.all("package")
        if packages:
            self.assertEqual(shown.one("venv"), "complete")
            names = {line.split()[0] for line in packages}
            site = next((self.stage.current() / "lib").glob("python*/site-packages"))
            present = {p.name.split("-")[0] for p in site.glob("*.dist-info")}
            self.assertEqual(present, names)
            run = self.stage.drive("run", "python", "-c", "import alpha, beta; print(alpha.VALUE)")
            self.assertEqual((run.one("status"), run.one("output")), ("0", "1"), run.text + run.errors)
        return packages

    def kill_at(self, point: str, *words: str) -> bool:
        """Whether the step was reached."""
        outcome = self.stage.drive(*words, fail_at=point)
        return outcome.status == -signal.SIGKILL

    def first_sync(self, point: str) -> None:
        self.assertTrue(self.kill_at(point, "sync", "+", "settle"), f"{point} was not reached")
        self.assertIn(self.check_whole(), ([], OLD))
        again = self.stage.drive("sync", "+", "settle")
        self.assertEqual(again.one("job"), "sync done", again.text + again.errors)
        self.assertEqual(self.check_whole(), OLD)

    def change(self, point: str) -> None:
        self.assertEqual(self.stage.drive("sync", "+", "settle").status, 0)
        self.assertTrue(
            self.kill_at(point, "install", "gamma", "+", "settle"), f"{point} was not reached"
        )
        self.assertIn(self.check_whole(), (OLD, NEW))
        again = self.stage.drive("install", "gamma", "+", "settle")
        self.assertEqual(again.one("job"), "install done", again.text + again.errors)
        self.assertEqual(self.check_whole(), NEW)

    def test_deletion_killed_is_whole_or_gone(self) -> None:
        self.assertEqual(self.stage.drive("sync", "+", "settle").status, 0)
        self.assertTrue(self.kill_at("environment-hidden", "delete"))
        self.assertEqual(self.check_whole(), [])
        self.assertEqual(len(self.stage.environments()), 1)  # what "show" made anew

    def test_second_wheel_killed_keeps_the_first_out_of_sight(self) -> None:
        self.assertTrue(self.kill_at("wheel-unpacked:2", "sync"))
        self.assertEqual(self.stage.check_trees(), 0)
        self.assertEqual(self.check_whole(), [])

    def test_torn_journal_is_passed_over(self) -> None:
        self.assertEqual(self.stage.drive("sync", "+", "settle").status, 0)
        journal = self.stage.current().parent / "journal"
        with journal.open("ab") as file:
            file.write(b"\nbegin install 2 17")
        self.assertEqual(self.check_whole(), OLD)

    def test_half_signature_costs_a_resolution_only(self) -> None:
        self.assertEqual(self.stage.drive("sync", "+", "settle").status, 0)
        (self.stage.current() / ".blast" / "signature").write_bytes(b"BS")
        outcome = self.stage.drive("sync")
        self.assertEqual(outcome.one("job"), "sync done")
        self.assertEqual(self.check_whole(), OLD)


#: Steps that a first sync or an installation does not come by.
ELSEWHERE = {"generation-hidden", "environment-hidden"}


def make_tests() -> None:
    for point in fail_points():
        if point in ELSEWHERE:
            continue
        name = point.replace("-", "_")
        for kind in ("first_sync", "change"):
            setattr(
                Recovery,
                f"test_{kind}_killed_at_{name}_is_old_or_new",
                lambda self, point=point, kind=kind: getattr(self, kind)(point),
            )


make_tests()

if __name__ == "__main__":
    unittest.main(verbosity=2)
