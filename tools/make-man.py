#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the man pages that repeat what stands elsewhere: blast(1) from the client's own tables,
blast.toml(5) from docs/settings.md. The prose stands in docs/man/*.in.

    tools/make-man.py BLAST            writes them
    tools/make-man.py BLAST --check    fails if one of them is stale
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from command_line import CommandLine, Option, ask

ROOT = Path(__file__).resolve().parent.parent
MAN = ROOT / "docs" / "man"


def roff(text: str) -> str:
    """Text that means itself."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def option(item: Option) -> str:
    names = ", ".join(f"\\fB{roff(name)}\\fR" for name in ([f"-{item.letter}"] if item.letter else []) + [f"--{item.name}"])
    value = f" \\fI{roff(item.value)}\\fR" if item.value else ""
    return f".TP\n{names}{value}\n{roff(item.help[0].upper() + item.help[1:])}."


def options(items: list[Option]) -> str:
    return "\n".join(option(item) for item in items)


def verbs(line: CommandLine) -> str:
    common = line.common()
    parts = []
    for verb in line.verbs:
        arguments = f" \\fI{roff(verb.arguments)}\\fR" if verb.arguments else ""
        parts.append(f".SS \"{verb.name}{' ' + roff(verb.arguments) if verb.arguments else ''}\"")
        parts.append(f".B blast {verb.name}\n[\\fIOPTION\\fR...]{arguments}\n.PP\n{roff(' '.join(verb.details))}")
        own = [item for item in verb.options if item not in common]
        if own:
            parts.append(options(own))
        if any(item in common for item in verb.options):
            parts.append(".PP\nTakes the options of packages, too (see below).")
    return "\n".join(parts)


def statuses(line: CommandLine) -> str:
    return "\n".join(f".TP\n.B {status}\n{name}" for status, name in sorted(line.statuses))


def keys(settings: str) -> str:
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", settings, re.MULTILINE)
    return "\n".join(f".TP\n.B {roff(key)}\n{roff(value[0].upper() + value[1:])}." for key, value in rows)


def fill(template: Path, values: dict[str, str]) -> str:
    text = template.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def main(blast: str, is_check: bool) -> int:
    line = ask(blast)
    pages = {
        "blast.1": {
            "VERBS": verbs(line),
            "COMMON": options(line.common()),
            "OPTIONS": options(line.options),
            "STATUSES": statuses(line),
        },
        "blast.toml.5": {"KEYS": keys((ROOT / "docs" / "settings.md").read_text())},
    }
    n_stale = 0
    for name, values in pages.items():
        text = fill(MAN / f"{name}.in", values)
        path = MAN / name
        if not path.exists() or path.read_text() != text:
            n_stale += 1
            if is_check:
                print(f"docs/man/{name} is stale: run tools/make-man.py {blast}")
            else:
                path.write_text(text)
                print(f"wrote docs/man/{name}")
    return 1 if is_check and n_stale > 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--check" in sys.argv[2:]))
