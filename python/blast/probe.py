#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints what the interpreter that runs this is, as one JSON object on one line.

Run as `python -I -S probe.py`: no site, so nothing of an environment or a user is imported. Only modules that every
start loads anyway are used; json, platform and sysconfig would cost three times as much as all of this.
Runs on CPython 3.8 and later and says so much of older or other ones that they can be refused by name.

Source: packaging.tags, packaging.markers, PEP 405, 668, 3149.
"""

import os
import sys

FORMAT = 1


def quote(text: str) -> str:
    """A JSON string in ASCII. A byte that is no UTF-8 stays a lone surrogate, which the reader refuses."""
    parts = []
    for c in text:
        n = ord(c)
        if c in '"\\':
            parts.append("\\" + c)
        elif 0x20 <= n < 0x7F:
            parts.append(c)
        elif n < 0x10000:
            parts.append("\\u%04x" % n)
        else:
            parts.append("\\u%04x\\u%04x" % (0xD800 + ((n - 0x10000) >> 10), 0xDC00 + (n & 0x3FF)))
    return '"' + "".join(parts) + '"'


def to_json(value: object) -> str:
    """None, bool, int, str and lists and dicts of them."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join([quote(k) + ": " + to_json(value[k]) for k in value]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([to_json(item) for item in value]) + "]"
    return quote(str(value))


def full_version(info: "sys._version_info") -> str:
    """3.13.0rc1, as PEP 508 has implementation_version."""
    version = "%d.%d.%d" % (info[0], info[1], info[2])
    if info[3] != "final":
        version += info[3][0] + str(info[4])
    return version


def python_full_version() -> str:
    """As platform.python_version(); a "+" of a build from a checkout becomes a local version."""
    version = sys.version.split()[0]
    return version + "local" if version.endswith("+") else version


def find_pyvenv_cfg() -> "str | None":
    """The environment the executable belongs to, or None."""
    directory = os.path.dirname(sys.executable)
    for candidate in (directory, os.path.dirname(directory)):
        if os.path.isfile(os.path.join(candidate, "pyvenv.cfg")):
            return candidate
    return None


def extension_suffix() -> str:
    """.cpython-311-x86_64-linux-gnu.so"""
    import _imp

    suffixes = _imp.extension_suffixes()
    return suffixes[0] if suffixes else ""


def soabi() -> "str | None":
    """cpython-311-x86_64-linux-gnu: the first suffix of extension modules without its dots."""
    parts = extension_suffix().split(".")
    return parts[1] if len(parts) == 3 else None


def abis(is_free_threaded: bool, is_debug: bool) -> "list[str]":
    """The ABI tags of this build, best first."""
    base = "cp%d%d" % sys.version_info[:2] + ("t" if is_free_threaded else "")
    return [base + "d", base] if is_debug else [base]


def machine() -> str:
    """The architecture of the interpreter, which may be a 32-bit one on a 64-bit kernel."""
    name = os.uname().machine
    if sys.maxsize <= 2**32:
        return {"x86_64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}.get(name, name)
    return name


def glibc_version() -> "str | None":
    """2.36, or None where the C library is another."""
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (AttributeError, OSError, ValueError):  # musl has no such name
        return None
    return version if name == "glibc" else None


def musl_version() -> "str | None":
    """The version is a string inside the loader, which also is the C library."""
    import re

    try:
        names = [name for name in os.listdir("/lib") if name.startswith("ld-musl-")]
        for name in names:
            with open("/lib/" + name, "rb") as file:
                found = re.search(rb"\x00(1\.\d+\.\d+)[\x00-]", file.read(4 * 1024 * 1024))
            if found:
                return found.group(1).decode()
    except OSError:
        pass
    return None


def report() -> "dict[str, object]":
    """All that is printed; interpreter.c says what each value is for."""
    implementation = sys.implementation
    uname = os.uname()
    flags = getattr(sys, "abiflags", "")
    free_threaded = "t" in flags
    debug = "d" in flags or hasattr(sys, "gettotalrefcount")
    short = "%d.%d" % sys.version_info[:2]
    stdlib = os.path.dirname(os.path.abspath(os.__file__))
    glibc = glibc_version()
    venv = find_pyvenv_cfg()
    base = os.path.abspath(sys.base_prefix)
    return {
        "format": FORMAT,
        "executable": sys.executable,
        "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
        "version": full_version(sys.version_info),
        "implementation": implementation.name,
        "cache_tag": implementation.cache_tag,
        "extension_suffix": extension_suffix(),
        "soabi": soabi(),
        "abis": abis(free_threaded, debug),
        "is_free_threaded": free_threaded,
        "is_debug": debug,
        "markers": {
            "implementation_name": implementation.name,
            "implementation_version": full_version(implementation.version),
            "os_name": os.name,
            "platform_machine": machine(),
            "platform_python_implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(
                implementation.name, implementation.name
            ),
            "platform_release": uname.release,
            "platform_system": uname.sysname,
            "platform_version": uname.version,
            "python_full_version": python_full_version(),
            "python_version": short,
            "sys_platform": sys.platform,
        },
        "machine": machine(),
        "glibc": glibc,
        "musl": None if glibc else musl_version(),
        "prefix": venv or base,
        "base_prefix": base,
        "base_exec_prefix": os.path.abspath(sys.base_exec_prefix),
        "stdlib": stdlib,
        "platlibdir": getattr(sys, "platlibdir", "lib"),
        "site_packages": "lib/python" + short + ("t" if free_threaded else "") + "/site-packages",
        "is_venv": venv is not None,
        "is_externally_managed": os.path.isfile(os.path.join(stdlib, "EXTERNALLY-MANAGED")),
    }


def main() -> None:
    sys.stdout.write(to_json(report()) + "\n")


if __name__ == "__main__":
    main()
