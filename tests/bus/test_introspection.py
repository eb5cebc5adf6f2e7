# SPDX-License-Identifier: LGPL-2.1-or-later
"""The running service is what dbus/org.blast.Blast1.xml says, and so is `blastd --bus-introspect`."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ElementTree

from bus_stage import BUILD, ENVIRONMENT, JOB, MANAGER, MANAGER_PATH, NAME, ROOT, BusTest, main

INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"


def interfaces(text: str) -> dict[str, set[tuple[object, ...]]]:
    """Each interface as a set of facts, without comments and annotations."""
    found: dict[str, set[tuple[object, ...]]] = {}
    for interface in ElementTree.fromstring(text).iter("interface"):
        facts = found.setdefault(interface.attrib["name"], set())
        for member in interface:
            if member.tag == "annotation":
                continue
            arguments = tuple(
                (argument.get("name"), argument.get("type"), argument.get("direction", "out"))
                for argument in member.iter("arg")
            )
            facts.add(
                (member.tag, member.get("name"), member.get("type"), member.get("access"), arguments)
            )
    return found


CONTRACT = interfaces((ROOT / "dbus" / "org.blast.Blast1.xml").read_text())


class Introspection(BusTest):
    def test_contract_has_the_three_interfaces(self) -> None:
        self.assertEqual(set(CONTRACT), {MANAGER, ENVIRONMENT, JOB})

    def test_printed_interfaces_equal_the_contract(self) -> None:
        program = os.environ.get("BLASTD", str(BUILD / "src" / "daemon" / "blastd"))
        done = subprocess.run([program, "--bus-introspect"], capture_output=True, text=True, check=True)
        self.compare(interfaces(done.stdout), *CONTRACT)

    def test_manager_on_a_bus_equals_the_contract(self) -> None:
        self.stage.start_bus()
        self.stage.start_service()
        text = self.stage.connect().call(NAME, MANAGER_PATH, INTROSPECTABLE, "Introspect")[0]
        self.compare(interfaces(text), MANAGER)

    def test_manager_on_the_private_socket_equals_the_contract(self) -> None:
        self.stage.start_service("embedded")
        bus = self.stage.connect(private=True)
        text = bus.call(NAME, MANAGER_PATH, INTROSPECTABLE, "Introspect")[0]
        self.compare(interfaces(text), MANAGER)

    def test_environment_and_job_equal_the_contract(self) -> None:
        self.stage.start_service("embedded")
        bus = self.stage.connect(private=True)
        project = str(self.stage.project())
        (environment,) = self.manager(bus, "OpenProject", "ss", project, "")
        (job,) = self.manager(bus, "Collect")
        for path, interface in ((environment, ENVIRONMENT), (job, JOB)):
            text = bus.call(NAME, path, INTROSPECTABLE, "Introspect")[0]
            self.compare(interfaces(text), interface)

    def test_manager_lists_its_children(self) -> None:
        self.stage.start_service("embedded")
        text = self.stage.busctl("tree", "--list", NAME, private=True)
        for path in (MANAGER_PATH, f"{MANAGER_PATH}/environment", f"{MANAGER_PATH}/job"):
            self.assertIn(path, text.splitlines())

    def compare(self, found: dict[str, set[tuple[object, ...]]], *names: str) -> None:
        for name in names:
            self.assertEqual(found.get(name), CONTRACT[name], name)


if __name__ == "__main__":
    main()
