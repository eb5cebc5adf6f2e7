#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blast and uv side by side, in one run, interleaved, on a tmpfs: medians and ratios.

    tools/dev bench [NAME...]      new-project cold-install resolve no-op idle

Both get the same hundred packages from the same local index (nginx on loopback, HTTP/1.1, static pages made
from wheels downloaded once), the same interpreter and empty or warm caches of their own on one tmpfs. Rounds
are interleaved, so that a machine that slows down slows both. docs/performance.md has the goals, the last
figures and the traps.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMPILE_ROUNDS = 3
STAMP = "import time; print(time.clock_gettime_ns(time.CLOCK_MONOTONIC))"


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def in_private_tmpfs() -> Path:
    """A tmpfs that only we see and that goes with us; who may not mount gets a directory and is told."""
    if os.geteuid() == 0 and os.environ.get("BENCH_UNSHARED") != "1":
        os.environ["BENCH_UNSHARED"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    top = Path(tempfile.mkdtemp(prefix="blast-bench-", dir="/var/tmp"))
    if os.geteuid() == 0:
        run(["mount", "-t", "tmpfs", "-o", "mode=0755,nr_inodes=0", "tmpfs", top])
    else:
        print(f"Not root, so not on a tmpfs but on what holds {top}: figures are of that file system.")
    return top


def run(command: list, **options) -> subprocess.CompletedProcess:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(w) for w in command)}\n{done.stdout}{done.stderr}")
    return done


class Mirror:
    """Wheels of the package list, downloaded once, served by nginx as static pages."""

    def __init__(self, keep: Path, uv: Path, python: str, top: Path) -> None:
        self.wheels = keep / "wheels"
        self.pins = keep / "pins.txt"
        if not self.pins.exists():
            self.download(uv, python)
        self.pages = top / "index"
        self.pages.mkdir()
        self.write_pages()
        self.server = self.start()

    def download(self, uv: Path, python: str) -> None:
        self.wheels.mkdir(parents=True, exist_ok=True)
        listed = HERE / "packages.txt"
        print("downloading the wheels, once …", file=sys.stderr)
        pinned = run([uv, "pip", "compile", "--python", python, "--only-binary", ":all:", "--no-header",
                      "--no-annotate", listed]).stdout
        wanted = self.wheels.parent / "wanted.txt"
        wanted.write_text(pinned)
        run([uv.parent / "python", "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", self.wheels,
             "-r", wanted])
        self.pins.write_text(pinned)

    def write_pages(self) -> None:
        projects: dict[str, list[dict]] = {}
        for wheel in sorted(self.wheels.glob("*.whl")):
            data = wheel.read_bytes()
            files = self.pages / "files"
            files.mkdir(exist_ok=True)
            shutil.copy(wheel, files / wheel.name)
            with zipfile.ZipFile(wheel) as archive:
                name = next(n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
                metadata = archive.read(name)
            (files / f"{wheel.name}.metadata").write_bytes(metadata)
            said = re.search(rb"^Requires-Python: (.*)$", metadata, re.MULTILINE)
            entry = {
                "filename": wheel.name,
                "url": f"../../files/{wheel.name}",
                "size": len(data),
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()},
                "upload-time": "2024-01-01T00:00:00Z",
            }
            if said:
                entry["requires-python"] = html.unescape(said[1].decode().strip())
            projects.setdefault(normalize(wheel.name.split("-")[0]), []).append(entry)
        for name, files in projects.items():
            page = self.pages / "simple" / name / "index.json"
            page.parent.mkdir(parents=True)
            page.write_text(json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}))
        self.n_projects = len(projects)

    def start(self) -> subprocess.Popen:
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/simple"
        config = self.pages / "nginx.conf"
        config.write_text(f"""daemon off; pid {self.pages}/pid; error_log {self.pages}/error.log;
worker_processes 1; events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000;
 client_body_temp_path {self.pages}/t1; proxy_temp_path {self.pages}/t2; fastcgi_temp_path {self.pages}/t3;
 uwsgi_temp_path {self.pages}/t4; scgi_temp_path {self.pages}/t5;
 server {{ listen 127.0.0.1:{port}; root {self.pages}; add_header Cache-Control max-age=600;
  location /simple/ {{ index index.json; default_type application/vnd.pypi.simple.v1+json;
   types {{ application/vnd.pypi.simple.v1+json json; }} }}
  location /files/ {{ default_type application/octet-stream; }} }} }}
""")
        os.chmod(self.pages, 0o755)
        server = subprocess.Popen(["nginx", "-c", str(config), "-e", str(self.pages / "error.log")],
                                  stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return server
            except OSError:
                time.sleep(0.05)
        sys.exit("nginx did not start")

    def stop(self) -> None:
        self.server.send_signal(signal.SIGTERM)
        self.server.wait()


class Bench:
    def __init__(self, root: Path, rounds: int) -> None:
        self.rounds = rounds
        root = root.resolve()
        self.keep = root / "build-release" / "bench"
        self.keep.mkdir(parents=True, exist_ok=True)
        prefix = self.keep / "prefix"
        # As people run it: installed, workers in libexec, not in the build tree.
        run(["/usr/bin/meson", "configure", root / "build-release", f"-Dprefix={prefix}"])
        run(["/usr/bin/meson", "install", "-C", root / "build-release", "--quiet"])
        self.blast = prefix / "bin" / "blast"
        self.uv = self.install_uv()
        self.python = "/usr/bin/python3"
        self.top = in_private_tmpfs()
        self.mirror = Mirror(self.keep, self.uv, self.python, self.top)
        self.serial = 0
        self.results: list[tuple[str, str, list[float], str]] = []

    def install_uv(self) -> Path:
        uv = self.keep / "uv-venv" / "bin" / "uv"
        if not uv.exists():
            run(["/usr/bin/python3", "-m", "venv", uv.parent.parent])
            run([uv.parent / "pip", "install", "-q", "uv"])
        return uv

    def environ(self, cache: str) -> dict[str, str]:
        """A home of its own per cache name, all on the tmpfs."""
        home = self.top / cache
        (home / "run").mkdir(parents=True, exist_ok=True)
        (home / "run").chmod(0o700)
        return {
            "PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "LANG": "C.UTF-8",
            "BLAST_SERVICE": "embedded", "BLAST_INDEX_URL": self.mirror.url,
            "UV_CACHE_DIR": str(home / "uv-cache"), "UV_DEFAULT_INDEX": self.mirror.url, "UV_NO_CONFIG": "1",
            "UV_PYTHON": self.python, "UV_PYTHON_DOWNLOADS": "never", "UV_HTTP_TIMEOUT": "60",
        }

    def project(self, home: str, lock: Path | None = None) -> Path:
        self.serial += 1
        path = self.top / home / f"project-{self.serial}"
        path.mkdir(parents=True)
        names = [line for line in (HERE / "packages.txt").read_text().split("\n") if line and line[0] != "#"]
        listed = "".join(f'        "{name}",\n' for name in names)
        (path / "pyproject.toml").write_text(
            f'[project]\nname = "bench"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = [\n{listed}]\n'
            # The mirror holds wheels for this machine only; uv locks for all machines unless told.
            "[tool.uv]\nenvironments = [\"sys_platform == 'linux' and python_full_version < '3.12'\"]\n"
        )
        if lock:
            shutil.copy(lock, path / lock.name)
        return path

    def until_first_instruction(self, command: list, cwd: Path, environ: dict) -> tuple[float, float]:
        """Milliseconds until the program's first instruction, and of CPU of all children we wait for."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        out = run([*command, "python", "-c", STAMP], cwd=cwd, env=environ).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return (int(out.split()[-1]) - start) / 1e6, cpu * 1e3

    def add(self, name: str, tool: str, values: list[float], unit: str = "ms") -> float:
        self.results.append((name, tool, values, unit))
        median = statistics.median(values)
        print(f"  {tool:34} {median:10.1f} {unit}   min {min(values):.1f}  max {max(values):.1f}", flush=True)
        return median

    def daemon_cpu(self, environ: dict) -> float:
        """Milliseconds that blastd and the children it has waited for have used until now."""
        total = 0
        for pid in self.daemon_pids(environ):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
        return total * 1e3 / os.sysconf("SC_CLK_TCK")

    def forget(self, project: Path, environ: dict) -> None:
        """Makes room: the copies behind .venv of all rounds would not fit into memory."""
        run([self.blast, "remove", "--environment", "-q"], cwd=project, env=environ)
        shutil.rmtree(project)

    def kill_daemon(self, environ: dict) -> None:
        for pid in self.daemon_pids(environ):
            os.kill(pid, signal.SIGTERM)
        while self.daemon_pids(environ):
            time.sleep(0.02)

    def daemon_pids(self, environ: dict) -> list[int]:
        wanted = f"HOME={environ['HOME']}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "comm").read_text().strip() == "blastd":
                    if wanted in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
            except OSError:
                continue
        return found

    def warm(self) -> tuple[dict, Path, Path]:
        """A home with warm caches of both, and the lock of each."""
        environ = self.environ("warm")
        project = self.project("warm")
        self.until_first_instruction([self.blast, "start", "--"], project, environ)
        self.wait_for_background(project, environ)
        run([self.uv, "lock"], cwd=project, env=environ)
        run([self.uv, "sync", "--frozen"], cwd=self.project("warm", project / "uv.lock"), env=environ)
        return environ, project / "pylock.toml", project / "uv.lock"

    def wait_for_background(self, project: Path, environ: dict) -> None:
        while True:
            said = json.loads(run([self.blast, "status", "--json"], cwd=project, env=environ).stdout)
            if said["venv"] in ("complete", "failed"):
                return
            time.sleep(0.05)

    def new_project(self) -> None:
        print(f"new project, lock present, store warm, {self.mirror.n_projects} packages: to the first instruction")
        environ, pylock, uv_lock = self.warm()
        ways = {
            "blast": ([self.blast, "start", "--"], pylock),
            "uv": ([self.uv, "run", "--frozen"], uv_lock),
            "uv --compile-bytecode": ([self.uv, "run", "--frozen", "--compile-bytecode"], uv_lock),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        cpus: dict[str, list[float]] = {way: [] for way in ways}
        complete: list[float] = []
        for number in range(self.rounds):
            for way, (command, lock) in ways.items():
                if way == "uv --compile-bytecode" and number >= COMPILE_ROUNDS:
                    continue  # twenty seconds each
                project = self.project("warm", lock)
                used = self.daemon_cpu(environ)
                start = time.monotonic()
                elapsed, cpu = self.until_first_instruction(command, project, environ)
                if way == "blast":
                    self.wait_for_background(project, environ)
                    complete.append((time.monotonic() - start) * 1e3)
                    cpu += self.daemon_cpu(environ) - used
                    self.forget(project, environ)
                else:
                    shutil.rmtree(project)
                times[way].append(elapsed)
                cpus[way].append(cpu)
        medians = {way: self.add("new-project", way, times[way]) for way in ways}
        self.add("new-project", "blast, until .venv is complete", complete)
        for way in ways:
            self.add("new-project-cpu", f"{way}: CPU, all of it", cpus[way])
        print(f"  ratio blast / uv {medians['blast'] / medians['uv']:.3f} (goal 0.1),"
              f" / uv --compile-bytecode {medians['blast'] / medians['uv --compile-bytecode']:.4f};"
              f" of minima {min(times['blast']) / min(times['uv']):.3f}")
        self.kill_daemon(environ)

    def cold_install(self) -> None:
        print("cold install from a local index: empty caches, no lock, to the first instruction")
        times: dict[str, list[float]] = {"blast": [], "uv": []}
        for number in range(max(3, self.rounds // 3)):
            environ = self.environ(f"cold-{number}")
            for way, command in {"blast": [self.blast, "start", "--"], "uv": [self.uv, "run"]}.items():
                times[way].append(self.until_first_instruction(command, self.project(f"cold-{number}"), environ)[0])
            self.kill_daemon(environ)
            shutil.rmtree(self.top / f"cold-{number}", ignore_errors=True)
        medians = {way: self.add("cold-install", way, values) for way, values in times.items()}
        print(f"  ratio {medians['blast'] / medians['uv']:.2f} (goal 1.2);"
              f" of minima {min(times['blast']) / min(times['uv']):.2f}")

    def resolve(self) -> None:
        print("warm resolution: caches warm, no lock")
        environ, _, _ = self.warm()
        times: dict[str, list[float]] = {"blast lock": [], "uv pip compile": []}
        for _ in range(self.rounds):
            project = self.project("warm")
            for way, command in {
                "blast lock": [self.blast, "lock", "-q"],
                "uv pip compile": [self.uv, "pip", "compile", "-q", "pyproject.toml", "--generate-hashes"],
            }.items():
                start = time.monotonic()
                run(command, cwd=project, env=environ)
                times[way].append((time.monotonic() - start) * 1e3)
        medians = {way: self.add("resolve", way, values) for way, values in times.items()}
        print(f"  ratio {medians['blast lock'] / medians['uv pip compile']:.2f} (goal 1.5);"
              f" of minima {min(times['blast lock']) / min(times['uv pip compile']):.2f}")
        self.kill_daemon(environ)

    def no_op(self) -> None:
        print("start with nothing to do: to the first instruction")
        environ, _, _ = self.warm()
        project = self.project("warm")
        self.until_first_instruction([self.blast, "start", "--"], project, environ)
        self.wait_for_background(project, environ)
        run([self.uv, "sync"], cwd=(uv_project := self.project("warm")), env=environ)
        ways = {
            "bare python": (["env"], project),
            "blast": ([self.blast, "start", "--"], project),
            "uv run": ([self.uv, "run"], uv_project),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(self.rounds * 2):
            for way, (command, cwd) in ways.items():
                bare = {**environ, "PATH": f"{project}/.venv/bin:/usr/bin:/bin"} if way == "bare python" else environ
                times[way].append(self.until_first_instruction(command, cwd, bare)[0])
        medians = {way: self.add("no-op", way, values) for way, values in times.items()}
        least = min(times["blast"]) - min(times["bare python"])
        print(f"  blast above bare python {medians['blast'] - medians['bare python']:.1f} ms, of minima {least:.1f}"
              f" (goal 10), uv {medians['uv run'] - medians['bare python']:.1f} ms")
        self.kill_daemon(environ)

    def idle(self) -> None:
        print("idle memory of blastd after a hundred packages")
        environ, _, _ = self.warm()
        time.sleep(1)
        values = []
        for pid in self.daemon_pids(environ):
            said = Path(f"/proc/{pid}/smaps_rollup").read_text()
            values.append(int(re.search(r"^Pss:\s+(\d+)", said, re.MULTILINE)[1]) / 1000)
        self.add("idle", "blastd PSS (goal 8)", values, "MB")
        self.kill_daemon(environ)

    def stop(self) -> None:
        self.mirror.stop()
        if os.geteuid() == 0:
            run(["umount", "--lazy", self.top])
        shutil.rmtree(self.top, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    bench = Bench(options.root, options.rounds)
    benches = {"new-project": bench.new_project, "cold-install": bench.cold_install, "resolve": bench.resolve,
               "no-op": bench.no_op, "idle": bench.idle}
    try:
        for name in options.names or benches:
            benches[name]()
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
