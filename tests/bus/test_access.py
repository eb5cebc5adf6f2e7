# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may call what: polkit's yes, no, silence, absence and errors; other uids; the table's rows.

BLAST_POLKIT_ASKS_OWNER (developer builds) has polkit asked about the owner, too, so that most of this
needs one uid only.
"""

from __future__ import annotations

import os
import time
import unittest
import xml.etree.ElementTree as ElementTree
from typing import Any, Callable

from bus_stage import (
    FAULT,
    MANAGER,
    MANAGER_PATH,
    NAME,
    NOBODY,
    PROPERTIES,
    ROOT,
    BusTest,
    ChildError,
    as_uid,
    main,
)
from wire import ALLOW_INTERACTIVE, BusError, Connection

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
ENVIRONMENT_PATH = f"{MANAGER_PATH}/environment/0123456789abcdef"


class Verdicts(BusTest):
    """One uid, everybody is asked about."""

    def start(self, *polkit: str, timeout_msec: int = 1500) -> Connection:
        self.stage.start_bus()
        if polkit:
            self.stage.start_polkit(*polkit)
        self.stage.start_service(
            "bus", BLAST_POLKIT_ASKS_OWNER="1", BLAST_POLKIT_TIMEOUT_MSEC=str(timeout_msec)
        )
        return self.stage.connect()

    def assert_denied(self, call: Callable[[], Any]) -> BusError:
        with self.assertRaises(BusError) as caught:
            call()
        self.assertEqual(caught.exception.name, FAULT + "AccessDenied")
        return caught.exception

    def list(self, bus: Connection, **options: Any) -> list[Any]:
        return self.manager(bus, "ListEnvironments", **options)

    def test_allowed_call_is_carried_out(self) -> None:
        bus = self.start("--allow", "inspect")
        self.assertEqual(self.list(bus), [[]])
        question = self.stage.polkit_line()
        self.assertEqual(question["action"], f"{NAME}.inspect")
        self.assertEqual(question["kind"], "system-bus-name")
        self.assertEqual(question["subject"], {"name": bus.name})
        self.assertFalse(question["interactive"])

    def test_denied_call_has_no_effect(self) -> None:
        bus = self.start("--allow", "inspect", "--deny", "open-project")
        project = str(self.stage.project())
        self.assert_denied(lambda: self.manager(bus, "OpenProject", "ss", project, ""))
        self.assertEqual(self.list(bus), [[]])

    def test_question_carries_the_details_of_the_call(self) -> None:
        bus = self.start("--deny", "open-project")
        project = str(self.stage.project())
        self.assert_denied(lambda: self.manager(bus, "OpenProject", "ss", project, "x"))
        self.assertEqual(self.stage.polkit_line()["details"], {"project": project, "name": "x"})

    def test_descriptor_form_tells_the_path_as_a_detail(self) -> None:
        bus = self.start("--deny", "open-project")
        project = self.stage.project()
        fd = os.open(project, os.O_PATH | os.O_DIRECTORY)
        self.addCleanup(os.close, fd)
        self.assert_denied(lambda: self.manager(bus, "OpenProjectFd", "hs", 0, "", fds=(fd,)))
        self.assertEqual(self.stage.polkit_line()["details"]["project"], str(project))

    def test_challenge_without_interaction_is_denied_with_a_hint(self) -> None:
        bus = self.start("--challenge", "inspect")
        error = self.assert_denied(lambda: self.list(bus))
        self.assertIn("\nHint: ", error.message)

    def test_interactive_flag_is_handed_on(self) -> None:
        bus = self.start("--allow", "inspect")
        self.list(bus, flags=ALLOW_INTERACTIVE)
        self.assertTrue(self.stage.polkit_line()["interactive"])

    def test_error_of_polkit_is_denied(self) -> None:
        bus = self.start("--error", "inspect")
        self.assert_denied(lambda: self.list(bus))

    def test_absent_polkit_is_denied(self) -> None:
        bus = self.start()
        self.assert_denied(lambda: self.list(bus))

    def test_silent_polkit_is_denied_in_time_and_others_are_served(self) -> None:
        bus = self.start("--hang", "inspect", "--allow", "collect")
        started = time.monotonic()
        serial = bus.start_call(NAME, MANAGER_PATH, MANAGER, "ListEnvironments")
        self.manager(self.stage.connect(), "Collect")  # is not held up
        self.assertLess(time.monotonic() - started, 1.4)
        self.assert_denied(lambda: bus.wait_reply(serial))
        self.assertGreater(time.monotonic() - started, 1.4)

    def test_verdict_can_change_between_calls(self) -> None:
        bus = self.start("--default", "allow")
        self.list(bus)
        self.stage.set_verdict("inspect", "deny")
        self.assert_denied(lambda: self.list(bus))

    def test_sender_that_leaves_takes_its_question_along(self) -> None:
        bus = self.start("--hang", "inspect", timeout_msec=20000)
        bus.start_call(NAME, MANAGER_PATH, MANAGER, "ListEnvironments")
        question = self.stage.polkit_line()
        bus.close()
        self.assertEqual(self.stage.polkit_line(), {"cancelled": question["cancellation"]})
        self.stage.set_verdict("inspect", "allow")
        self.assertEqual(self.list(self.stage.connect()), [[]])

    def test_many_open_questions_of_one_sender_are_limited(self) -> None:
        bus = self.start("--hang", "inspect")
        serials = [bus.start_call(NAME, MANAGER_PATH, MANAGER, "ListJobs") for _ in range(17)]
        with self.assertRaises(BusError) as caught:
            bus.wait_reply(serials[-1])
        self.assertEqual(caught.exception.name, FAULT + "LimitExceeded")
        self.stage.set_verdict("inspect", "allow")
        self.assertEqual(self.list(self.stage.connect()), [[]])

    def test_answers_of_two_senders_are_not_mixed_up(self) -> None:
        first = self.start("--allow", "inspect", "--deny", "collect")
        second = self.stage.connect()
        good = first.start_call(NAME, MANAGER_PATH, MANAGER, "ListEnvironments")
        bad = second.start_call(NAME, MANAGER_PATH, MANAGER, "Collect")
        self.assert_denied(lambda: second.wait_reply(bad))
        self.assertEqual(first.wait_reply(good).body, [[]])

    def test_denial_comes_before_whether_the_object_can_be_read(self) -> None:
        bus = self.start("--deny", "inspect")
        self.assert_denied(lambda: bus.call(NAME, MANAGER_PATH, OBJECT_MANAGER, "GetManagedObjects"))
        self.assert_denied(lambda: bus.call(NAME, ENVIRONMENT_PATH, PROPERTIES, "GetAll", "s", ""))

    def test_public_properties_need_no_question(self) -> None:
        bus = self.start("--default", "deny")
        self.assertEqual(self.get(bus, MANAGER_PATH, MANAGER, "Mode"), "bus")


@unittest.skipUnless(os.geteuid() == 0, "two uids need root")
class OtherUids(BusTest):
    """Really another uid on the bus."""

    def as_nobody(self, member: str, *arguments: Any) -> Any:
        def call() -> Any:
            with Connection(self.stage.address) as bus:
                return bus.call(NAME, MANAGER_PATH, MANAGER, member, *arguments)

        return as_uid(NOBODY, call)

    def start(self, *polkit: str) -> None:
        self.stage.start_bus()
        self.stage.start_polkit(*polkit)
        self.stage.start_service("bus")

    def test_owner_passes_without_a_question(self) -> None:
        self.start("--default", "deny")
        self.assertEqual(self.manager(self.stage.connect(), "ListEnvironments"), [[]])

    def test_other_uid_is_asked_about(self) -> None:
        self.start("--allow", "inspect")
        self.assertEqual(self.as_nobody("ListEnvironments"), [[]])
        self.assertEqual(self.stage.polkit_line()["action"], f"{NAME}.inspect")

    def test_other_uid_is_denied_by_default(self) -> None:
        self.start("--default", "deny")
        for member in ("ListEnvironments", "ListJobs", "Collect"):
            with self.assertRaises(ChildError) as caught:
                self.as_nobody(member)
            self.assertEqual(caught.exception.error_name, FAULT + "AccessDenied", member)

    def test_path_form_opens_with_the_uid_of_the_caller(self) -> None:
        self.start("--default", "allow")
        secret = self.stage.project("secret")
        secret.chmod(0o700)
        (secret / "inside").mkdir()
        with self.assertRaises(ChildError) as caught:
            self.as_nobody("OpenProject", "ss", str(secret / "inside"), "")
        self.assertTrue(caught.exception.error_name.startswith(FAULT), caught.exception)
        self.assertEqual(self.manager(self.stage.connect(), "ListEnvironments"), [[]])

    def test_log_level_is_not_for_other_uids(self) -> None:
        self.start("--default", "allow")

        def call() -> Any:
            with Connection(self.stage.address) as bus:
                from wire import Variant

                return bus.call(
                    NAME,
                    "/org/freedesktop/LogControl1",
                    PROPERTIES,
                    "Set",
                    "ssv",
                    "org.freedesktop.LogControl1",
                    "LogLevel",
                    Variant("s", "emerg"),
                )

        with self.assertRaises(ChildError) as caught:
            as_uid(NOBODY, call)
        self.assertIn("AccessDenied", caught.exception.error_name)

    def test_private_socket_refuses_other_uids(self) -> None:
        self.stage.start_service("embedded")
        self.stage.directory.joinpath("run").chmod(0o755)
        self.stage.directory.joinpath("run", "bus").chmod(0o777)
        with self.assertRaises(ChildError) as caught:
            as_uid(NOBODY, lambda: Connection(self.stage.private_address).close())
        self.assertIn(caught.exception.kind, ("Disconnected", "ConnectionResetError", "BrokenPipeError"))


class Policy(unittest.TestCase):
    """Files that are installed agree with the table."""

    def test_every_action_of_the_table_has_a_policy_and_the_reverse(self) -> None:
        names = (ROOT / "src" / "bus" / "names.h").read_text()
        used = {
            NAME + line.split()[-1].strip('"')
            for line in names.splitlines()
            if line.startswith("#define ACTION_")
        }
        policy = ElementTree.parse(ROOT / "policy" / "org.blast.Blast1.policy")
        described = {action.attrib["id"] for action in policy.iter("action")}
        self.assertEqual(used, described)

    def test_nothing_is_allowed_to_everybody(self) -> None:
        policy = ElementTree.parse(ROOT / "policy" / "org.blast.Blast1.policy")
        for action in policy.iter("action"):
            for kind in ("allow_any", "allow_inactive", "allow_active"):
                value = action.findtext(f"defaults/{kind}")
                self.assertIn(value, ("auth_admin", "auth_admin_keep"), action.attrib["id"])


if __name__ == "__main__":
    main()
