# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of blast as `blast --help-tables` tells it, for what is made from it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    letter: str  # "" where there is none
    name: str
    value: str  # "" for a flag
    help: str


@dataclass
class Verb:
    name: str
    arguments: str
    help: str
    details: list[str] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)


@dataclass
class CommandLine:
    options: list[Option] = field(default_factory=list)
    verbs: list[Verb] = field(default_factory=list)
    statuses: list[tuple[int, str]] = field(default_factory=list)

    def common(self) -> list[Option]:
        """The options that several verbs share."""
        seen: dict[Option, int] = {}
        for verb in self.verbs:
            for option in verb.options:
                seen[option] = seen.get(option, 0) + 1
        return [option for option, n in seen.items() if n > 2]


def ask(blast: str) -> CommandLine:
    """Runs blast, which prints its tables."""
    text = subprocess.run([blast, "--help-tables"], capture_output=True, text=True, check=True).stdout
    result = CommandLine()
    verbs: dict[str, Verb] = {}
    for line in text.splitlines():
        kind, *fields = line.split("\t")
        if kind == "verb":
            verbs[fields[0]] = Verb(*fields)
        elif kind == "details":
            verbs[fields[0]].details.append(fields[1])
        elif kind == "status":
            result.statuses.append((int(fields[0]), fields[1]))
        else:
            owner, letter, name, value, help_text = fields
            options = verbs[owner].options if owner else result.options
            options.append(Option("" if letter == "-" else letter, name, value, help_text))
    result.verbs = list(verbs.values())
    return result
