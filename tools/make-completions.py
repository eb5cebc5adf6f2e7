#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the completions of bash, zsh and fish from the client's own tables.

    tools/make-completions.py BLAST            writes them
    tools/make-completions.py BLAST --check    fails if one of them is stale
"""

from __future__ import annotations

import sys
from pathlib import Path

from command_line import CommandLine, Option, Verb, ask

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "completions"
HEAD = "# SPDX-License-Identifier: LGPL-2.1-or-later\n# Made by tools/make-completions.py: change that, or the tables of the client.\n"
#: Verbs whose arguments are a program and its arguments.
COMMANDS = ("start", "run")
#: What a value is, where a shell can offer something.
DIRECTORIES = ("DIR",)
FILES = ("PLACE",)
WORDS = {"WHEN": "always never auto", "WHICH": "system embedded", "SIGNAL": "TERM KILL INT HUP QUIT USR1 USR2"}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def flags(options: list[Option]) -> str:
    return " ".join(flag for item in options for flag in ([f"-{item.letter}"] if item.letter else []) + [f"--{item.name}"])


def bash_values(options: list[Option]) -> list[str]:
    """Arms of a case that complete the value of the option before the cursor."""
    arms: dict[str, list[str]] = {}
    for item in options:
        if not item.value:
            continue
        if item.value in DIRECTORIES:
            action = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current")'
        elif item.value in FILES:
            action = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")'
        elif item.value in WORDS:
            action = f'mapfile -t COMPREPLY < <(compgen -W "{WORDS[item.value]}" -- "$current")'
        else:
            action = "COMPREPLY=()"
        arms.setdefault(action, []).extend(flags([item]).split())
    return [f"        {'|'.join(sorted(set(names)))})\n            {action}\n            return ;;" for action, names in arms.items()]


def bash(line: CommandLine) -> str:
    every = line.options + [item for verb in line.verbs for item in verb.options]
    arms = "\n".join(f"        {verb.name}) options=\"{flags(verb.options + line.options)}\" ;;" for verb in line.verbs)
    return f"""# shellcheck shell=bash
{HEAD}
_blast() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    local verbs="{' '.join(verb.name for verb in line.verbs)}" verb="" options="" word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if [[ -z $verb && " $verbs " == *" $word "* ]]; then
            verb=$word
        elif [[ $word == -- || (-n $verb && " {' '.join(COMMANDS)} " == *" $verb "* && $word != -*) ]]; then
            # From here on it is another program's command line.
            compopt -o default
            if ((i + ($(test "$word" = -- && echo 1 || echo 0)) == COMP_CWORD)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$current")
            fi
            return
        fi
    done
    case $before in
{chr(10).join(bash_values(every))}
    esac
    case $verb in
        "") options="{flags(line.options)}" ;;
{arms}
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ -z $verb || $verb == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$current")
    elif [[ " {' '.join(COMMANDS)} " == *" $verb "* ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$current")
    fi
}}
complete -F _blast blast
"""


def zsh_option(item: Option) -> str:
    names = f"{{-{item.letter},--{item.name}}}" if item.letter else f"--{item.name}"
    value = ""
    if item.value:
        action = "_files -/" if item.value in DIRECTORIES else "_files" if item.value in FILES else ""
        action = f"({WORDS[item.value]})" if item.value in WORDS else action
        value = f":{item.value}:{action}"
    repeat = "*" if item.letter == "" or item.value else ""
    help_text = item.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    if item.letter:
        return f"        {repeat and quoted('*')}{names}{quoted('[' + help_text + ']' + value)}"
    return f"        {quoted(repeat + names + '[' + help_text + ']' + value)}"


def zsh_verb(verb: Verb, line: CommandLine) -> str:
    rest = quoted("*::command:_normal") if verb.name in COMMANDS else quoted("*:argument:")
    if verb.name == "help":
        rest = quoted(f"1:verb:({' '.join(item.name for item in line.verbs)})")
    lines = " \\\n".join([zsh_option(item) for item in verb.options] + [f"        {rest}"])
    return f"    {verb.name})\n        _arguments -S -s $options \\\n{lines}\n        ;;"


def zsh(line: CommandLine) -> str:
    described = "\n".join(f"        {quoted(verb.name + ':' + verb.help)}" for verb in line.verbs)
    options = "\n".join(zsh_option(item) for item in line.options)
    return f"""#compdef blast
{HEAD}
_blast() {{
    local -a verbs options
    local state line
    verbs=(
{described}
    )
    options=(
{options}
    )
    _arguments -C -s $options '1:verb:->verb' '*::argument:->rest'
    if [[ $state == verb ]]; then
        _describe verb verbs
        return
    fi
    case $line[1] in
{chr(10).join(zsh_verb(verb, line) for verb in line.verbs)}
    esac
}}

_blast "$@"
"""


def fish_option(item: Option, condition: str) -> str:
    parts = ["complete -c blast"]
    if condition:
        parts.append(f"-n {quoted(condition)}")
    if item.letter:
        parts.append(f"-s {item.letter}")
    parts.append(f"-l {item.name}")
    if item.value in WORDS:
        parts.append(f"-x -a {quoted(WORDS[item.value])}")
    elif item.value in DIRECTORIES:
        parts.append("-x -a '(__fish_complete_directories)'")
    elif item.value:
        parts.append("-r" if item.value in FILES else "-x")
    parts.append(f"-d {quoted(item.help)}")
    return " ".join(parts)


def fish(line: CommandLine) -> str:
    lines = [HEAD, "complete -c blast -f"]
    for verb in line.verbs:
        lines.append(f"complete -c blast -n __fish_use_subcommand -a {verb.name} -d {quoted(verb.help)}")
    lines += [fish_option(item, "") for item in line.options]
    for verb in line.verbs:
        seen = f"__fish_seen_subcommand_from {verb.name}"
        lines += [fish_option(item, seen) for item in verb.options]
        if verb.name in COMMANDS:
            lines.append(f"complete -c blast -n {quoted(seen)} -a '(__fish_complete_subcommand --fcs-skip=2)'")
    return "\n".join(lines) + "\n"


def main(blast: str, is_check: bool) -> int:
    line = ask(blast)
    n_stale = 0
    for name, text in {"blast.bash": bash(line), "_blast": zsh(line), "blast.fish": fish(line)}.items():
        path = FOLDER / name
        if not path.exists() or path.read_text() != text:
            n_stale += 1
            if is_check:
                print(f"docs/completions/{name} is stale: run tools/make-completions.py {blast}")
            else:
                path.write_text(text)
                print(f"wrote docs/completions/{name}")
    return 1 if is_check and n_stale > 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--check" in sys.argv[2:]))
