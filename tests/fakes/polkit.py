#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A polkit that does as it is told, for a private bus.

    polkit.py [--default VERDICT] [--allow ACTION] [--deny ACTION] [--hang ACTION] [--challenge ACTION]

ACTION may be shortened ("run" for org.blast.Blast1.run). The bus is $DBUS_SYSTEM_BUS_ADDRESS. Every
question is printed as one line of JSON, as is every cancellation; "ready" comes first. While it
runs, org.blast.FakePolkit.Set(s action, s verdict) on any path changes a verdict ("*": of all). The
verdict "error" makes CheckAuthorization fail, "hang" never answers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bus"))

from wire import Connection, Disconnected, Message  # noqa: E402

PREFIX = "org.blast.Blast1."
VERDICTS = ("allow", "deny", "hang", "challenge", "error")


class FakePolkit:
    """Keeps the verdicts and answers."""

    def __init__(self, default: str) -> None:
        self.default = default
        self.verdicts: dict[str, str] = {}

    def set(self, action: str, verdict: str) -> None:
        if action == "*":
            self.default = verdict
            self.verdicts.clear()
        else:
            self.verdicts[action if "." in action else PREFIX + action] = verdict

    def on_call(self, connection: Connection, call: Message) -> None:
        if call.member == "CheckAuthorization":
            self._check(connection, call)
        elif call.member == "CancelCheckAuthorization":
            tell({"cancelled": call.body[0]})
            connection.reply(call)
        elif call.member == "Set" and call.body[1] in VERDICTS:
            self.set(*call.body)
            connection.reply(call)
        else:
            connection.reply_error(call, "org.freedesktop.DBus.Error.UnknownMethod", str(call.member))

    def _check(self, connection: Connection, call: Message) -> None:
        (kind, subject), action, details, flags, cancellation = call.body
        verdict = self.verdicts.get(action, self.default)
        tell(
            {
                "action": action,
                "kind": kind,
                "subject": subject,
                "details": details,
                "interactive": bool(flags & 1),
                "cancellation": cancellation,
                "verdict": verdict,
            }
        )
        if verdict == "error":
            connection.reply_error(call, "org.freedesktop.PolicyKit1.Error.Failed", "as told")
        elif verdict != "hang":
            connection.reply(call, "(bba{ss})", [verdict == "allow", verdict == "challenge", {}])


def tell(value: dict[str, object]) -> None:
    print(json.dumps(value), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="a polkit that does as it is told")
    parser.add_argument("--default", choices=VERDICTS, default="deny")
    for verdict in VERDICTS:
        parser.add_argument(f"--{verdict}", action="append", default=[], metavar="ACTION")
    arguments = parser.parse_args()
    fake = FakePolkit(arguments.default)
    for verdict in VERDICTS:
        for action in getattr(arguments, verdict):
            fake.set(action, verdict)
    with Connection(os.environ["DBUS_SYSTEM_BUS_ADDRESS"]) as connection:
        connection.on_call = fake.on_call
        connection.request_name("org.freedesktop.PolicyKit1")
        print("ready", flush=True)
        try:
            while True:
                connection.step(timeout=3600)
        except (Disconnected, TimeoutError):
            return 0


if __name__ == "__main__":
    sys.exit(main())
