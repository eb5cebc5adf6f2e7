# SPDX-License-Identifier: LGPL-2.1-or-later
"""How programs start, run and end: status, signals, processes, descriptors, records."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from conftest import PYTHON, Place, wait_for


def events_of(process: subprocess.Popen[str]) -> list[str]:
    """What the drive said, after its end."""
    assert process.stdout
    return process.stdout.read().splitlines()


def children_of(pid: int) -> list[int]:
    """Direct children, seen from outside."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def descendants_of(pid: int) -> list[int]:
    """All processes below @pid."""
    found = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found


def test_exit_status_is_the_programs(place: Place) -> None:
    for status in (0, 1, 42, 255):
        assert place.shell(f"exit {status}").returncode == status


def test_killed_program_has_status_of_signal(place: Place) -> None:
    assert place.shell("kill -9 $$").returncode == 128 + 9
    assert place.shell("kill -TERM $$").returncode == 128 + 15


def test_absent_program_is_127(place: Place) -> None:
    result = place.call("no-such-program")
    assert result.returncode == 127
    assert "There is no program 'no-such-program'" in result.stderr


def test_program_that_is_no_program_is_126(place: Place) -> None:
    file = place.project / "data"
    file.write_text("x", encoding="utf-8")
    assert place.call("./data").returncode == 126


def test_streams_are_passed_through(place: Place) -> None:
    process = place.start("/bin/sh", "-c", "cat; echo err >&2", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate("line\n" * 10000, timeout=60)
    assert out == "line\n" * 10000
    assert err == "err\n"


def test_reader_that_leaves_ends_a_pipe(place: Place) -> None:
    words = place.command("/bin/sh", "-c", "yes; echo status $? >&2")
    yes = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    head = subprocess.run(["head", "-n", "1"], stdin=yes.stdout, capture_output=True, text=True, check=True)
    assert yes.stdout and yes.stderr
    yes.stdout.close()
    yes.wait(timeout=30)
    assert head.stdout == "y\n"
    assert "status 141" in yes.stderr.read()


def test_directory_is_no_standard_stream(place: Place) -> None:
    fd = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    result = place.shell("true", stdin=fd)
    os.close(fd)
    assert result.returncode == 125
    assert "standard stream" in result.stderr


def test_no_descriptor_leaks_into_the_program(place: Place) -> None:
    extra = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(extra, True)
    # The listing itself opens one more.
    result = place.python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))", pass_fds=(extra,))
    os.close(extra)
    assert result.stdout.strip() == "[0, 1, 2, 3]", result.stderr


def test_no_environment_variable_leaks(place: Place) -> None:
    leaking = {
        "SSH_AUTH_SOCK": "/x",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/x",
        "XDG_RUNTIME_DIR": "/x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "LD_PRELOAD": "",
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/x",
        "LANG": "C.UTF-8",
        "LC_TIME": "C",
        "TERM": "dumb",
    }
    result = place.call("/usr/bin/env", env={**os.environ, **leaking})
    found = dict(line.split("=", 1) for line in result.stdout.splitlines())
    assert found["HOME"] == str(place.home)
    assert found["VIRTUAL_ENV"] == str(place.project / ".venv")
    assert found["PATH"].startswith(str(place.project / ".venv/bin") + ":")
    assert found["LANG"] == "C.UTF-8" and found["LC_TIME"] == "C" and found["TERM"] == "dumb"
    assert not set(found) & {"SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "PYTHONHOME"}


def test_working_directory_is_where_it_was_asked_for(place: Place) -> None:
    below = place.project / "sub dir"
    below.mkdir()
    place.own(below)
    assert place.shell("pwd").stdout == f"{place.project}\n"
    assert place.shell("pwd", options=("--directory", str(below))).stdout == f"{below}\n"
    assert place.shell("pwd", options=("--directory", "/no/such")).stdout == f"{place.project}\n"


def test_orphans_are_reaped_and_die_with_the_program(place: Place) -> None:
    code = """
import os, subprocess, time
subprocess.run(["/bin/sh", "-c", "sleep 0.05 & sleep 100 & exit"])
time.sleep(0.5)
states = []
for name in os.listdir("/proc"):
    if name.isdigit():
        states.append(open(f"/proc/{name}/stat").read().rsplit(")", 1)[1].split()[0])
print(len(states), "Z" in states)
"""
    result = place.python(code)
    assert result.stdout.split() == ["3", "False"]  # pid 1, the program, the long sleep


def test_nothing_survives_the_end(place: Place) -> None:
    """Probe B40: daemonise, ignore signals, reparent."""
    code = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]
        open("survivor", "w").write("x")
        time.sleep(1)
        open("survived", "w").write("x")
    os._exit(0)
os.wait()
time.sleep(0.3)
"""
    place.python(code)
    assert (place.project / "survivor").exists()
    subprocess.run(["sleep", "1.5"], check=True)
    assert not (place.project / "survived").exists()


def test_signal_reaches_the_program(place: Place) -> None:
    commands_read, commands_write = os.pipe()
    code = "trap 'echo got; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    process = place.start(
        "/bin/sh", "-c", code, options=("--commands", str(commands_read)), stdout=subprocess.PIPE, pass_fds=(commands_read,)
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    os.write(commands_write, b"signal 15\n")
    assert process.wait(timeout=20) == 7
    assert process.stdout.read() == "got\n"
    os.close(commands_read)
    os.close(commands_write)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_monitor_passes_signals_of_the_service(place: Place, number: signal.Signals) -> None:
    commands_read, commands_write = os.pipe()
    process = place.start(
        "/bin/sh",
        "-c",
        "echo ready; exec sleep 100",
        options=("--commands", str(commands_read)),
        stdout=subprocess.PIPE,
        pass_fds=(commands_read,),
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    os.write(commands_write, b"monitor %d\n" % number)
    assert process.wait(timeout=20) == 128 + number
    os.close(commands_read)
    os.close(commands_write)


def test_stop_and_continue_are_told(place: Place) -> None:
    commands_read, commands_write = os.pipe()
    events_read, events_write = os.pipe()
    process = place.start(
        "/bin/sh",
        "-c",
        "echo ready; kill -STOP $$; echo again",
        options=("--commands", str(commands_read), "--events", str(events_write)),
        stdout=subprocess.PIPE,
        pass_fds=(commands_read, events_write),
    )
    os.close(events_write)
    events = os.fdopen(events_read)
    assert events.readline().startswith("started ")
    assert events.readline() == f"stopped {int(signal.SIGSTOP)}\n"
    os.write(commands_write, b"continue\n")
    assert events.readline() == "continued\n"
    assert events.readline() == "exited code 0\n"
    assert process.communicate(timeout=20)[0] == "ready\nagain\n"
    events.close()
    os.close(commands_read)
    os.close(commands_write)


def test_client_that_leaves_hangs_up(place: Place) -> None:
    commands_read, commands_write = os.pipe()
    marker = place.project / "hung-up"
    code = f"trap 'echo x > \"{marker}\"; exit 3' HUP; echo ready; while :; do sleep 0.05; done"
    process = place.start(
        "/bin/sh", "-c", code, options=("--commands", str(commands_read)), stdout=subprocess.PIPE, pass_fds=(commands_read,)
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    os.write(commands_write, b"close\n")
    process.wait(timeout=20)
    assert marker.exists()
    os.close(commands_read)
    os.close(commands_write)


def test_program_that_ignores_the_hangup_is_killed(place: Place) -> None:
    commands_read, commands_write = os.pipe()
    process = place.start(
        "/bin/sh",
        "-c",
        "trap '' HUP; echo ready; sleep 1000",
        options=("--commands", str(commands_read)),
        stdout=subprocess.PIPE,
        pass_fds=(commands_read,),
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    os.write(commands_write, b"close\n")
    process.wait(timeout=20)
    os.close(commands_read)
    os.close(commands_write)


def test_killed_monitor_takes_the_sandbox_along(place: Place) -> None:
    process = place.start("/bin/sh", "-c", "echo ready; sleep 1000 & sleep 1000", stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == "ready\n"
    monitor = children_of(process.pid)[0]
    wait_for(lambda: len(descendants_of(monitor)) >= 4, "pid 1, the shell and two sleeps")
    below = descendants_of(monitor)
    os.kill(monitor, signal.SIGKILL)
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in below), "the end of the sandbox")
    process.wait(timeout=20)


def test_no_process_is_left_after_the_end(place: Place) -> None:
    events_read, events_write = os.pipe()
    process = place.start("/bin/true", options=("--events", str(events_write)), pass_fds=(events_write,))
    os.close(events_write)
    with os.fdopen(events_read) as events:
        started = events.read()
    assert process.wait(timeout=20) == 0
    assert not os.path.exists(f"/proc/{started.split()[1]}")


def test_detached_run_keeps_its_output(place: Place) -> None:
    result = place.shell("echo out; echo err >&2; exit 5", options=("--detached",))
    assert result.stdout == "" and result.stderr == ""
    assert (place.run / "output").read_text(encoding="utf-8") == "out\nerr\n"
    assert (place.run / "status").exists() and (place.run / "run").exists()


def test_output_of_a_detached_run_is_bounded(place: Place) -> None:
    code = "import sys\nfor i in range(400000): sys.stdout.write(f'{i:015d}\\n')"
    place.python(code, options=("--detached",))
    text = (place.run / "output").read_bytes()
    assert 64 * 1024 <= len(text) <= 1024 * 1024 + 64 * 1024
    assert text.endswith(b"000000000399999\n")


def test_sandbox_starts_in_namespaces_found_again(place: Place) -> None:
    """As after a restart of the service: only the monitor of an earlier run still knows the mounts."""
    result = place.python("import sys; sys.path.insert(0, sys.argv[0]); print('alive')", options=("--adopt",))
    assert result.stdout == "alive\n", result.stderr


def test_helper_path_of_python_is_the_environment(place: Place) -> None:
    code = "import sys, first; print(sys.prefix); print(first.value); print(first.__file__)"
    result = place.call("python", "-c", code)
    prefix = place.project / ".venv"
    assert result.stdout.splitlines() == [
        str(prefix),
        "one",
        str(prefix / "lib/python3.11/site-packages/first/__init__.py"),
    ], result.stderr


def test_python_is_where_the_tests_expect_it() -> None:
    assert os.access(PYTHON, os.X_OK)


def test_signal_before_the_monitor_watches_is_not_lost(place: Place) -> None:
    for _ in range(20):
        read_end, write_end = os.pipe()
        os.write(write_end, b"monitor %d\n" % signal.SIGTERM)
        process = place.start(
            "/bin/sleep", "60", options=("--commands", str(read_end)), pass_fds=(read_end,), stdin=subprocess.DEVNULL
        )
        try:
            assert process.wait(timeout=20) == 128 + signal.SIGTERM
        finally:
            process.kill()
            os.close(read_end)
            os.close(write_end)
        assert (place.run / "status").exists()


def test_monitor_is_confined_once_the_sandbox_runs(place: Place) -> None:
    process = place.start("/bin/cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    process.stdin.write("here\n")
    process.stdin.flush()
    assert process.stdout.readline() == "here\n"
    with open(f"/proc/{children_of(process.pid)[0]}/status", encoding="ascii") as file:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    assert (fields["Name"], fields["Seccomp"], fields["NoNewPrivs"]) == ("blast-monitor", "2", "1")
    assert not any(int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
