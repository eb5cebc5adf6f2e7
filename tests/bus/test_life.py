# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starting, being found, leaving: one daemon per state directory, idleness, signals, memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path

from bus_stage import BUILD, MANAGER, MANAGER_PATH, NAME, BusctlError, BusTest, main
from wire import Disconnected

PROGRAM = os.environ.get("BLASTD", str(BUILD / "src" / "daemon" / "blastd"))


class Life(BusTest):
    def start_another(self, *arguments: str, **environ: str) -> tuple[int, bytes]:
        """A second blastd: its exit status and what it told its starter."""
        reader, writer = os.pipe()
        done = subprocess.run(
            [PROGRAM, f"--ready-fd={writer}", *arguments],
            env=self.stage.environ(**environ),
            pass_fds=[writer],
            capture_output=True,
            timeout=30,
        )
        os.close(writer)
        with open(reader, "rb") as pipe:
            return done.returncode, pipe.read()

    def test_second_daemon_leaves_quietly_and_says_ready(self) -> None:
        self.stage.start_service("embedded")
        status, line = self.start_another("--embedded")
        self.assertEqual(status, 0)
        self.assertTrue(line.startswith(b"ready /"), line)

    def test_second_daemon_on_a_bus_fails_with_the_reason(self) -> None:
        self.stage.start_bus()
        self.stage.start_service("bus")
        status, said = self.start_another("--bus")
        self.assertEqual(status, 1)
        self.assertTrue(said.startswith(b"failed "), said)

    def test_ten_starts_at_once_lead_to_one_daemon(self) -> None:
        outcomes: list[bytes] = []

        def start() -> None:
            reader, writer = os.pipe()
            process = subprocess.Popen(
                [PROGRAM, "--embedded", "--idle-seconds=1", f"--ready-fd={writer}"],
                env=self.stage.environ(BLAST_LOG_LEVEL="warning"),
                pass_fds=[writer],
            )
            os.close(writer)
            with open(reader, "rb") as pipe:
                outcomes.append(pipe.readline())
            try:
                self.stage.connect(private=True).close()
            except OSError as error:
                outcomes.append(str(error).encode())
            process.wait(timeout=30)

        threads = [threading.Thread(target=start) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(outcomes)), 1)
        self.assertTrue(outcomes[0].startswith(b"ready /"), outcomes[0])

    def test_directories_are_private(self) -> None:
        self.stage.start_service("embedded")
        for name in ("state", "cache", "run"):
            self.assertEqual((self.stage.directory / name).stat().st_mode & 0o7777, 0o700, name)
        self.assertFalse((self.stage.directory / "configuration").exists())

    def test_link_instead_of_a_directory_is_refused(self) -> None:
        (self.stage.directory / "elsewhere").mkdir()
        (self.stage.directory / "state").symlink_to("elsewhere")
        status, said = self.start_another("--embedded")
        self.assertEqual(status, 1)
        self.assertIn(b"/state", said)

    def test_very_long_runtime_directory_works(self) -> None:
        deep = self.stage.directory / ("d" * 100) / ("e" * 100)
        self.stage.start_service("embedded", RUNTIME_DIRECTORY=str(deep))
        self.assertTrue((deep / "bus").is_socket())
        with contextlib.chdir(deep):
            mode = self.stage.busctl_at(
                "unix:path=./bus", "get-property", NAME, MANAGER_PATH, MANAGER, "Mode"
            )
        self.assertEqual(mode, 's "embedded"')

    def test_idle_daemon_leaves_and_removes_its_socket(self) -> None:
        self.stage.start_service("embedded", "--idle-seconds=1")
        service = self.stage.service
        assert service
        self.assertEqual(service.wait(timeout=10), 0)
        self.stage.service = None
        self.assertFalse((self.stage.directory / "run" / "bus").exists())
        self.stage.start_service("embedded")  # and can be started again

    def test_connected_client_keeps_the_daemon(self) -> None:
        self.stage.start_service("embedded", "--idle-seconds=1")
        bus = self.stage.connect(private=True)
        time.sleep(2.5)
        self.assertEqual(self.get(bus, MANAGER_PATH, MANAGER, "Mode"), "embedded")
        bus.close()
        assert self.stage.service
        self.assertEqual(self.stage.service.wait(timeout=10), 0)
        self.stage.service = None

    def test_killed_daemon_leaves_a_socket_that_is_replaced(self) -> None:
        self.stage.start_service("embedded")
        self.stage.stop_service(9)
        self.assertTrue((self.stage.directory / "run" / "bus").is_socket())
        self.stage.start_service("embedded")
        self.stage.connect(private=True)

    def test_term_ends_connections(self) -> None:
        self.stage.start_service("embedded")
        bus = self.stage.connect(private=True)
        self.assertEqual(self.stage.stop_service(), 0)
        with self.assertRaises(Disconnected):
            bus.receive()

    def test_lost_bus_ends_the_daemon(self) -> None:
        self.stage.start_bus()
        self.stage.start_service("bus")
        self.stage.stop_bus()
        assert self.stage.service
        self.assertEqual(self.stage.service.wait(timeout=10), 1)
        self.stage.service = None

    def test_taken_name_is_an_error_with_a_sentence(self) -> None:
        self.stage.start_bus()
        self.stage.connect().request_name(NAME)
        status, said = self.start_another("--bus")
        self.assertEqual(status, 1)
        self.assertIn(b"name", said)

    def test_log_level_follows_log_control(self) -> None:
        self.stage.start_service("embedded")
        place = (NAME, "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1", "LogLevel")
        self.stage.busctl("set-property", *place, "s", "warning", private=True)
        self.assertEqual(self.stage.busctl("get-property", *place, private=True), 's "warning"')
        with self.assertRaises(BusctlError):
            self.stage.busctl("set-property", *place, "s", "loud", private=True)

    def test_wrong_arguments_are_refused(self) -> None:
        for arguments in (["--nonsense"], [], ["--embedded", "more"], ["--bus", "--idle-seconds=x"]):
            done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=10)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr, arguments)

    def test_idle_daemon_makes_no_system_calls(self) -> None:
        self.stage.start_service("embedded")
        assert self.stage.service
        switches = Path(f"/proc/{self.stage.service.pid}/status")
        time.sleep(0.5)
        before = [line for line in switches.read_text().splitlines() if "ctxt_switches" in line]
        time.sleep(2)
        after = [line for line in switches.read_text().splitlines() if "ctxt_switches" in line]
        self.assertEqual(before, after)


if __name__ == "__main__":
    main()
