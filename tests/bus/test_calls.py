# SPDX-License-Identifier: LGPL-2.1-or-later
"""What callers may get wrong: each mistake has one error name and a sentence, and nothing happens."""

from __future__ import annotations

import os
import socket
from typing import Any, Callable

from bus_stage import (
    ENVIRONMENT,
    FAULT,
    JOB,
    MANAGER_PATH,
    NAME,
    PROPERTIES,
    BusTest,
    main,
    socketpair,
)
from wire import BusError, Connection, Disconnected, Variant

INVALID = FAULT + "InvalidArgument"


class Calls(BusTest):
    def setUp(self) -> None:
        super().setUp()
        self.stage.start_service("embedded")
        self.bus = self.stage.connect(private=True)
        self.project = self.stage.project()
        (self.path,) = self.manager(self.bus, "OpenProject", "ss", str(self.project), "")

    def assert_error(self, name: str, call: Callable[[], Any], *words: str) -> None:
        with self.assertRaises(BusError) as caught:
            call()
        self.assertEqual(caught.exception.name, name, caught.exception.message)
        for word in words:
            self.assertIn(word, caught.exception.message)

    def call(self, member: str, *arguments: Any, **options: Any) -> Any:
        return self.environment(self.bus, self.path, member, *arguments, **options)

    def assert_option_refused(self, options: dict[str, Variant], *words: str) -> None:
        self.assert_error(INVALID, lambda: self.call("Sync", "a{sv}", options), *words)

    # Options

    def test_unknown_option_is_named(self) -> None:
        self.assert_option_refused({"ofline": Variant("b", True)}, "'ofline'")

    def test_option_of_a_wrong_type_is_named_with_both_types(self) -> None:
        self.assert_option_refused({"offline": Variant("s", "yes")}, "'offline'", "'b'", "'s'")
        self.assert_option_refused({"groups": Variant("s", "dev")}, "'groups'", "'as'")
        self.assert_option_refused({"timeout": Variant("i", 3)}, "'timeout'", "'u'")

    def test_number_out_of_range_is_refused(self) -> None:
        self.assert_option_refused({"requests-max": Variant("u", 0)}, "'requests-max'", "1")
        self.assert_option_refused({"page-age-max": Variant("t", 1 << 40)}, "'page-age-max'")

    def test_option_with_a_control_character_is_refused(self) -> None:
        self.assert_option_refused({"index-url": Variant("s", "http://x/\r\nHost: y")}, "control")

    def test_relative_paths_in_options_are_refused(self) -> None:
        self.assert_option_refused({"certificate-file": Variant("s", "ca.pem")}, "absolute")
        self.assert_option_refused({"python-directories": Variant("as", ["bin"])}, "absolute")

    def test_very_long_text_is_refused(self) -> None:
        options = {"python": Variant("s", "x" * 9000)}
        self.assert_error(FAULT + "LimitExceeded", lambda: self.call("Sync", "a{sv}", options))

    def test_contradicting_options_are_refused(self) -> None:
        options = {"frozen": Variant("b", True), "locked": Variant("b", True)}
        try:
            self.call("Sync", "a{sv}", options)
        except BusError as error:
            self.assertEqual(error.name, INVALID)

    # Lists

    def test_install_of_nothing_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.call("Install", "asa{sv}", [], {}))

    def test_install_of_an_empty_text_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.call("Install", "asa{sv}", ["rich", ""], {}), "empty")

    def test_too_many_requirements_are_refused(self) -> None:
        names = [f"p{i}" for i in range(4097)]
        self.assert_error(
            FAULT + "LimitExceeded", lambda: self.call("Install", "asa{sv}", names, {}), "4096"
        )

    # Programs

    def run_fd(self, **changes: Any) -> Any:
        ours, theirs = socketpair()
        null = os.open("/dev/null", os.O_RDWR)
        values: dict[str, Any] = {
            "argv": ["true"],
            "directory": "",
            "environ": {},
            "stdio": [0, 0, 0],
            "control": 1,
            "fds": (null, theirs.fileno()),
            **changes,
        }
        try:
            return self.call(
                "RunFd",
                "assa{ss}ahha{sv}",
                values["argv"],
                values["directory"],
                values["environ"],
                values["stdio"],
                values["control"],
                {},
                fds=values["fds"],
            )
        finally:
            ours.close()
            theirs.close()
            os.close(null)

    def test_run_without_a_program_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.run_fd(argv=[]), "'argv'")
        self.assert_error(INVALID, lambda: self.run_fd(argv=["", "x"]), "'argv'")

    def test_run_in_a_relative_directory_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.run_fd(directory="src"), "absolute")

    def test_run_with_a_broken_variable_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.run_fd(environ={"A=B": "c"}), "variable")

    def test_run_with_two_streams_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.run_fd(stdio=[0, 0]), "three")

    def test_run_with_four_streams_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.run_fd(stdio=[0, 0, 0, 0]), "three")

    def test_run_with_a_file_as_control_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.run_fd(control=0), "'control'")

    def test_run_with_a_stream_socket_as_control_is_refused(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            self.assert_error(
                INVALID, lambda: self.run_fd(fds=(0, theirs.fileno())), "SEQPACKET"
            )

    def test_run_without_anything_installed_says_so(self) -> None:
        self.assert_error(FAULT + "NoGeneration", lambda: self.run_fd())

    def test_impossible_signals_are_refused(self) -> None:
        for number in (0, -1, 65, 1 << 30):
            self.assert_error(INVALID, lambda n=number: self.call("Kill", "ui", 0, n), "signal")

    def test_kill_of_a_run_that_is_not_there_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.call("Kill", "ui", 4711, 15))

    # Projects

    def test_relative_project_is_refused(self) -> None:
        self.assert_error(INVALID, lambda: self.manager(self.bus, "OpenProject", "ss", "x", ""))

    def test_missing_project_is_refused(self) -> None:
        path = str(self.project / "nothing")
        with self.assertRaises(BusError) as caught:
            self.manager(self.bus, "OpenProject", "ss", path, "")
        self.assertTrue(caught.exception.name.startswith(FAULT))

    def test_file_as_a_project_is_refused(self) -> None:
        fd = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assert_error(
            INVALID, lambda: self.manager(self.bus, "OpenProjectFd", "hs", 0, "", fds=(fd,))
        )

    def test_descriptor_that_did_not_come_is_refused(self) -> None:
        with self.assertRaises((BusError, Disconnected)):
            self.manager(self.bus, "OpenProjectFd", "hs", 0, "")
        self.assertTrue(self.manager(self.stage.connect(private=True), "ListEnvironments"))

    def test_find_does_not_make(self) -> None:
        other = str(self.stage.project("other"))
        self.assert_error(
            FAULT + "NoEnvironment", lambda: self.manager(self.bus, "FindProject", "ss", other, "")
        )
        (environments,) = self.manager(self.bus, "ListEnvironments")
        self.assertEqual([row[0] for row in environments], [self.path])

    def test_impossible_names_are_refused(self) -> None:
        for name in ("../x", "a b", "x" * 65, "-x"):
            self.assert_error(
                INVALID,
                lambda n=name: self.manager(self.bus, "OpenProject", "ss", str(self.project), n),
            )

    # Objects and messages

    def test_wrong_signature_is_refused(self) -> None:
        self.assert_error(
            "org.freedesktop.DBus.Error.InvalidArgs", lambda: self.call("Sync", "s", "x")
        )

    def test_unknown_objects_are_refused(self) -> None:
        unknown = (
            f"{MANAGER_PATH}/environment/ffffffffffffffff",
            f"{MANAGER_PATH}/job/0",
            f"{MANAGER_PATH}/job/007",
            f"{MANAGER_PATH}/job/99999999999999999999",
        )
        for path in unknown:
            interface = JOB if "/job/" in path else ENVIRONMENT
            try:
                self.bus.call(NAME, path, PROPERTIES, "GetAll", "s", interface)
                self.fail(f"{path} answered")
            except BusError as error:
                self.assertTrue(error.name.startswith("org.freedesktop.DBus.Error.Unknown"), error)

    def test_message_with_an_impossible_path_is_dropped(self) -> None:
        serial = self.bus.start_call(NAME, f"{MANAGER_PATH}/environment/..", PROPERTIES, "Get")
        with self.assertRaises(TimeoutError):
            self.bus.wait_reply(serial, timeout=0.5)
        self.assertEqual(self.get(self.bus, self.path, ENVIRONMENT, "State"), "empty")

    def test_properties_cannot_be_written(self) -> None:
        arguments = (ENVIRONMENT, "Name", Variant("s", "x"))
        with self.assertRaises(BusError) as caught:
            self.bus.call(NAME, self.path, PROPERTIES, "Set", "ssv", *arguments)
        self.assertIn("PropertyReadOnly", caught.exception.name)

    def test_garbage_ends_only_its_own_connection(self) -> None:
        bad = self.stage.connect(private=True)
        bad.socket.sendall(os.urandom(4096))
        with self.assertRaises((Disconnected, TimeoutError, BrokenPipeError)):
            while True:
                bad.receive(timeout=5)
        self.assertEqual(self.get(self.bus, self.path, ENVIRONMENT, "State"), "empty")

    def test_connection_that_says_nothing_hinders_nobody(self) -> None:
        silent = socket.socket(socket.AF_UNIX)
        self.addCleanup(silent.close)
        silent.connect(self.stage.private_address.removeprefix("unix:path="))
        self.assertEqual(self.get(self.stage.connect(private=True), self.path, ENVIRONMENT, "Name"), "")

    def test_clients_without_descriptors_are_served(self) -> None:
        bus: Connection = self.stage.connect(private=True, fds=False, peer=True)
        self.assertEqual(self.get(bus, self.path, ENVIRONMENT, "ProjectPath"), str(self.project))


if __name__ == "__main__":
    main()
