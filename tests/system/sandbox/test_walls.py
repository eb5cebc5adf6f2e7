# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be seen, written and reached from inside, each with a positive control where there can be one."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from conftest import SITE, Place


def rows_of(place: Place, *options: str) -> dict[str, tuple[str, str, str]]:
    """The guarantees of a run: name to (state, mechanism, reason)."""
    read_fd, write_fd = os.pipe()
    process = place.start("/bin/sleep", "0.3", options=("--guarantees", str(write_fd), *options), pass_fds=(write_fd,))
    os.close(write_fd)
    with os.fdopen(read_fd) as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    assert process.wait(timeout=20) == 0
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def test_guarantees_are_read_back(place: Place) -> None:
    rows = rows_of(place)
    held = {name for name, row in rows.items() if row[0] == "held"}
    assert held >= {
        "mount-isolation",
        "process-isolation",
        "ipc-isolation",
        "hostname-isolation",
        "cgroup-view",
        "network-none",
        "no-new-privileges",
        "system-calls",
        "capabilities-none",
        "home-hidden",
        "base-read-only",
        "kernel-files-hidden",
        "packages-shared-read-only",
        "set-id-ignored",
        "devices-ignored",
        "system-mounts-read-only",
    }
    assert rows["user-namespace"][0] == ("weaker" if place.is_root else "held")


def test_limit_nobody_asked_for_is_no_row(place: Place) -> None:
    assert {"memory-limit", "process-limit", "file-size-limit"}.isdisjoint(rows_of(place))


def test_limits_that_stand_in_are_called_weaker(place: Place) -> None:
    rows = rows_of(place, "--memory", str(1 << 46), "--processes", "64", "--file-max", str(1 << 20))
    assert rows["memory-limit"][0] == "weaker" and "cgroup" in rows["memory-limit"][2]
    assert rows["process-limit"][0] == ("not-held" if place.is_root else "weaker")
    assert rows["file-size-limit"][0] == "held"


def test_strict_starts_when_every_wall_holds_and_no_limit_was_asked_for(place: Place) -> None:
    result = place.call("/bin/true", options=("--strict",))
    assert (result.returncode, result.stderr) == (0, "")


def test_strict_refuses_a_limit_that_cannot_be_enforced(place: Place) -> None:
    result = place.call("/bin/true", options=("--strict", "--processes", "64"))
    if place.is_root:  # RLIMIT_NPROC does not bind root
        assert result.returncode == 125
        assert "process-limit" in result.stderr and "root" in result.stderr
    else:
        assert (result.returncode, result.stderr) == (0, "")


def test_home_is_empty_but_for_the_project(place: Place) -> None:
    assert (place.home / ".ssh/id_canary").exists()  # the control
    result = place.python("import os; print(os.listdir(os.environ['HOME'])); open(os.environ['HOME'] + '/.ssh/id_canary')")
    assert result.stdout == "['a project']\n"
    assert "FileNotFoundError" in result.stderr


def test_project_is_writable_and_base_is_not(place: Place) -> None:
    code = """
import errno, os
open("made inside", "w").write("x")
for path in ("/x", "/usr/x", "/etc/x", "/usr/lib/x", "/var/x", "/sys/x", "/dev/x"):
    try:
        open(path, "w")
        print("opened", path)
    except OSError as error:
        assert error.errno in (errno.EROFS, errno.EACCES, errno.EPERM), (path, error)
for path in ("/tmp/blast-written-inside", "/var/tmp/blast-written-inside", "/dev/shm/x", os.environ["HOME"] + "/x"):
    open(path, "w").write("x")
print("done")
"""
    result = place.python(code)
    assert result.stdout == "done\n", result.stderr
    assert (place.project / "made inside").exists()
    assert (place.project / "made inside").stat().st_uid == place.uid
    assert not os.path.exists("/tmp/blast-written-inside")


def test_packages_are_writable_into_the_generations_own_upper(place: Place) -> None:
    site = place.project / ".venv" / SITE
    result = place.shell(f'echo "value = 2" > "{site}/first/__init__.py" && rm -r "{site}/first" && echo y > "{site}/second.py"')
    assert result.returncode == 0, result.stderr
    assert (place.layers[0] / "first/__init__.py").read_text(encoding="utf-8") == "value = 'one'\n"
    assert (place.generation / ".blast/upper/second.py").exists()
    again = place.shell(f'ls "{site}"')
    assert again.stdout == "second.py\n"


def test_generation_is_composed_of_its_pieces(place: Place) -> None:
    result = place.shell(f'cd "{place.generation}" && ls -A && cat share/note pyvenv.cfg && readlink lib64 && echo x > bin/new; echo x > pyvenv.cfg')
    assert result.stdout.split() == "bin lib lib64 pyvenv.cfg share shared home = /usr/bin include-system-site-packages = false lib".split()
    assert (place.generation / ".blast/upper-bin/new").exists()
    assert not (place.generation / "bin/new").exists()
    assert "Read-only" in result.stderr


def test_listener_outside_cannot_be_reached(place: Place) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = server.getsockname()
        with socket.create_connection(address, timeout=5):  # the control
            pass
        code = f"import socket; socket.create_connection({address!r}, timeout=5)"
        result = place.python(code)
    assert "ConnectionRefusedError" in result.stderr
    far = place.python("import socket; socket.create_connection(('192.0.2.1', 443), timeout=5)")
    assert "Network is unreachable" in far.stderr


def test_loopback_of_its_own_works(place: Place) -> None:
    code = """
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname()); a, _ = s.accept(); c.send(b"ok"); print(a.recv(2).decode())
"""
    assert place.python(code).stdout == "ok\n"


def test_hidden_path_in_project_cannot_be_read(place: Place) -> None:
    secret = place.project / "secret.env"
    secret.write_text("x\n", encoding="utf-8")
    place.own(secret)
    assert place.shell("cat secret.env").stdout == "x\n"  # the control
    result = place.shell("cat secret.env", options=("--hidden", str(secret)))
    assert "Permission denied" in result.stderr


@pytest.mark.parametrize("path", ["/", "/usr", "/tmp", "home"])
def test_project_that_would_open_everything_is_refused(place: Place, path: str) -> None:
    words = place.command("/bin/true")
    words[words.index("--project") + 1] = str(place.home) if path == "home" else path
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 125
    assert "cannot be a project" in result.stderr


def test_second_mount_of_one_generation_is_refused(place: Place) -> None:
    process = place.start("/bin/sh", "-c", "echo ready; read x", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == "ready\n"
    second = subprocess.run(place.command("/bin/true"), capture_output=True, text=True, check=False)
    assert second.returncode == 124
    assert "mounted by another process" in second.stderr
    process.communicate("\n", timeout=20)
    assert place.call("/bin/true").returncode == 0


@pytest.mark.parametrize("count", [100, 200, 500])
def test_many_layers_are_one_mount(place: Place, count: int) -> None:
    for i in range(count - 2):
        place.add_layer(f"{i:0100d}", {f"package{i}.py": f"value = {i}\n"})
    result = place.call("python", "-c", f"import first, package0, package{count - 3} as last; print(last.value)")
    assert result.stdout == f"{count - 3}\n", result.stderr


def test_too_many_layers_are_refused_in_a_sentence(place: Place) -> None:
    for i in range(500):
        place.add_layer(f"{i}", {})
    result = place.call("/bin/true")
    assert result.returncode == 124
    assert "at most 500" in result.stderr


def test_nothing_is_mounted_outside(place: Place) -> None:
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        before = file.read()
    process = place.start("/bin/sh", "-c", "echo ready; read x", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == "ready\n"
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        assert file.read() == before
    process.communicate("\n", timeout=20)


def test_file_system_that_cannot_hold_an_upper_gets_one_in_memory(place: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount an overlay to start from")
    state = place.base / "state"
    for name in ("upper", "work"):
        (place.base / name).mkdir()
    place.own(place.base / "upper")
    options = "lowerdir=state,upperdir=upper,workdir=work"
    subprocess.run(["mount", "-t", "overlay", "test", "-o", options, "state"], cwd=place.base, check=True)
    try:
        assert rows_of(place)["packages-shared-read-only"][0] == "weaker"
        site = place.project / ".venv" / SITE
        result = place.shell(f'echo y > "{site}/new.py" && cat "{site}/new.py"')
        assert result.stdout == "y\n", result.stderr
        assert not (place.generation / ".blast/upper/new.py").exists()
    finally:
        subprocess.run(["umount", str(state)], check=True)


def test_interpreter_of_the_project_that_became_a_link_opens_nothing(place: Place) -> None:
    secret = place.home / "secret"
    secret.mkdir()
    (secret / "key").write_text("SECRET", encoding="utf-8")
    prefix = place.project / "python"
    prefix.symlink_to(secret)
    place.own(secret, secret / "key", prefix)
    result = place.call("/bin/cat", str(secret / "key"), str(prefix / "key"), options=("--python-prefix", str(prefix)))
    assert "SECRET" not in result.stdout
    assert result.returncode != 0
