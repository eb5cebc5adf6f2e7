#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A simple package index on the loopback device, with faults on demand.

Serves wheels made on the fly or taken from a directory as PEP 503 and PEP 691 pages with PEP 658
metadata, ETags, byte ranges and a log of requests. Importable (class Index) and runnable.

Faults are set for URL patterns (Index.fault) or written into the address itself, so that a
program that knows nothing of this file can ask for them:

    <url>/fault/<kind>[:<value>][*<times>]/<path>    e.g. /fault/status:503*2/simple/demo/

    status:CODE      answers with that status; status:429:5 adds Retry-After: 5
    stall:SECONDS    says nothing for that long, then answers
    hang:BYTES       sends that much of the body, then nothing more
    slow:BYTES       sends that many bytes of everything, headers too, per second
    truncate:BYTES   announces the whole length and closes after that much
    corrupt:0        flips a bit in the middle of the body
    close:0          closes the connection without an answer
    redirect:URL     redirects there (percent-encoded); redirect: alone redirects to itself for ever
    bomb:MEBIBYTES   a gzip-encoded body of that many zeroes
    type:TYPE        another content type ("+" for "/")
    page:TEXT        another body (percent-encoded)
    auth:USER:WORD   wants that user and password
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import gzip
import hashlib
import html
import http.server
import io
import json
import pathlib
import re
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.parse
import zipfile
from collections.abc import Iterable

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
FAULTS = {
    "status", "stall", "hang", "slow", "truncate", "corrupt",
    "close", "redirect", "bomb", "type", "page", "auth",
}  # fmt: skip


def normalize(name: str) -> str:
    """The one form of a project's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def build_wheel(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    files: dict[str, str | bytes] | None = None,
    tag: str = "py3-none-any",
    requires_python: str | None = None,
    extras: dict[str, Iterable[str]] | None = None,
    entry_points: str | None = None,
) -> tuple[str, bytes, bytes]:
    """A small correct wheel: its file name, its bytes and its METADATA. The same input, the same bytes."""
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"
    head = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"]
    if requires_python:
        head.append(f"Requires-Python: {requires_python}\n")
    head += [f"Requires-Dist: {requirement}\n" for requirement in requires]
    for extra, needs in (extras or {}).items():
        head.append(f"Provides-Extra: {extra}\n")
        head += [f'Requires-Dist: {need} ; extra == "{extra}"\n' for need in needs]
    metadata = "".join(head).encode()
    module = re.sub(r"[-.]+", "_", name)
    contents: dict[str, bytes] = {
        path: text.encode() if isinstance(text, str) else text
        for path, text in (files or {f"{module}.py": f"__version__ = {version!r}\n"}).items()
    }
    contents[f"{stem}.dist-info/METADATA"] = metadata
    contents[f"{stem}.dist-info/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: fake-index\n"
        f"Root-Is-Purelib: {'true' if tag.endswith('-any') else 'false'}\nTag: {tag}\n"
    ).encode()
    if entry_points:
        contents[f"{stem}.dist-info/entry_points.txt"] = entry_points.encode()
    record = []
    for path, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(data)}\n")
    record.append(f"{stem}.dist-info/RECORD,,\n")
    contents[f"{stem}.dist-info/RECORD"] = "".join(record).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in contents.items():
            info = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return f"{stem}-{tag}.whl", buffer.getvalue(), metadata


def read_metadata(wheel: bytes) -> bytes | None:
    """METADATA of a wheel, or None if it is not one."""
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            for path in archive.namelist():
                if re.fullmatch(r"[^/]+\.dist-info/METADATA", path):
                    return archive.read(path)
    except (zipfile.BadZipFile, OSError):
        pass
    return None


@dataclasses.dataclass
class File:
    """One file of the index and what its page says of it. None of a field: the page does not say."""

    filename: str
    data: bytes
    metadata: bytes | None = None
    requires_python: str | None = None
    yanked: str | None = None
    upload_time: str | None = "2024-01-01T00:00:00Z"
    advertises_metadata: bool = True
    sha256: str | None = ""  # "": the right one

    def digest(self) -> str | None:
        return hashlib.sha256(self.data).hexdigest() if self.sha256 == "" else self.sha256


@dataclasses.dataclass
class Fault:
    pattern: re.Pattern[str]
    kind: str
    value: str = ""
    times: int = -1  # how often it happens; -1: always


@dataclasses.dataclass
class Request:
    method: str
    path: str
    status: int
    headers: dict[str, str]


class Index:
    """The server. Use as a context manager, or start() and stop()."""

    def __init__(self, certificate: str | None = None, users: dict[str, str] | None = None) -> None:
        self.projects: dict[str, list[File]] = {}
        self.log: list[Request] = []
        self.faults: list[Fault] = []
        self.users = users or {}  # user → password; empty: everyone may read
        self.has_json = True
        self.has_etag = True
        self.has_ranges = True
        self.max_age: int | None = None
        self.lock = threading.Lock()
        self._address_faults: dict[str, int] = {}
        self._certificate = certificate
        self._server: http.server.ThreadingHTTPServer | None = None

    def start(self, port: int = 0) -> Index:
        self._server = Server(("127.0.0.1", port), Handler)
        self._server.index = self
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server:
            self._server.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Index:
        return self.start() if self._server is None else self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def root(self) -> str:
        assert self._server, "not started"
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """What an index URL is set to."""
        return self.root + "/simple"

    def add_wheel(self, name: str, version: str, **options: object) -> File:
        """Makes a wheel and offers it; options as build_wheel(), and the fields of File."""
        fields = {f.name for f in dataclasses.fields(File)}
        build = {k: v for k, v in options.items() if k not in fields or k == "requires_python"}
        filename, data, metadata = build_wheel(name, version, **build)  # type: ignore[arg-type]
        said = {k: v for k, v in options.items() if k in fields}
        return self.add_file(File(filename, data, metadata, **said), name)  # type: ignore[arg-type]

    def add_file(self, file: File, name: str | None = None) -> File:
        project = normalize(name or file.filename.split("-")[0])
        with self.lock:
            self.projects.setdefault(project, []).append(file)
        return file

    def add_directory(self, directory: pathlib.Path) -> None:
        """Offers all wheels and source archives of a directory."""
        for path in sorted(directory.iterdir()):
            if path.suffix == ".whl" or path.name.endswith((".tar.gz", ".zip")):
                data = path.read_bytes()
                name = None if path.suffix == ".whl" else path.name.rsplit("-", 1)[0]
                self.add_file(File(path.name, data, read_metadata(data)), name)

    def load(self, scenario: dict[str, dict[str, dict[str, object]]]) -> None:
        """Offers {name: {version: options of add_wheel}}."""
        for name, versions in scenario.items():
            for version, options in versions.items():
                self.add_wheel(name, version, **options)

    def fault(self, pattern: str, kind: str, value: object = "", times: int = -1) -> Fault:
        """From now on requests whose path matches (re.search) meet this fault."""
        assert kind in FAULTS, kind
        fault = Fault(re.compile(pattern), kind, str(value), times)
        with self.lock:
            self.faults.append(fault)
        return fault

    def count(self, pattern: str) -> int:
        """How many requests had a matching path."""
        with self.lock:
            return sum(1 for request in self.log if re.search(pattern, request.path))

    def take_fault(self, path: str) -> tuple[str, str, str] | None:
        """The fault due for a path: kind, value and the path without the fault in it."""
        with self.lock:
            written = re.fullmatch(r"/fault/([a-z]+)(?::([^*/]*))?(?:\*(\d+))?(/.*)", path)
            if written and written[1] in FAULTS:
                seen = self._address_faults[path] = self._address_faults.get(path, 0) + 1
                if written[3] is None or seen <= int(written[3]):
                    return written[1], urllib.parse.unquote(written[2] or ""), written[4]
                return "", "", written[4]
            for fault in self.faults:
                if fault.times != 0 and fault.pattern.search(path):
                    fault.times -= 1
                    return fault.kind, fault.value, path
        return None

    def page_entries(self, name: str) -> list[tuple[File, str]]:
        with self.lock:
            return [
                (file, f"../../files/{name}/{urllib.parse.quote(file.filename)}")
                for file in self.projects.get(name, [])
            ]

    def json_page(self, name: str) -> bytes:
        files = []
        for file, url in self.page_entries(name):
            entry: dict[str, object] = {
                "filename": file.filename,
                "url": url,
                "size": len(file.data),
                "hashes": {"sha256": file.digest()} if file.digest() else {},
            }
            if file.requires_python:
                entry["requires-python"] = file.requires_python
            if file.upload_time:
                entry["upload-time"] = file.upload_time
            if file.yanked is not None:
                entry["yanked"] = file.yanked or True
            if file.metadata is not None and file.advertises_metadata:
                entry["core-metadata"] = {"sha256": hashlib.sha256(file.metadata).hexdigest()}
            files.append(entry)
        return json.dumps({"meta": {"api-version": "1.1"}, "name": name, "files": files}).encode()

    def html_page(self, name: str) -> bytes:
        lines = ["<!DOCTYPE html><html><head>"]
        lines.append('<meta name="pypi:repository-version" content="1.1"></head><body>')
        for file, url in self.page_entries(name):
            attributes = ""
            if file.requires_python:
                attributes += f' data-requires-python="{html.escape(file.requires_python)}"'
            if file.yanked is not None:
                attributes += f' data-yanked="{html.escape(file.yanked)}"'
            if file.metadata is not None and file.advertises_metadata:
                digest = hashlib.sha256(file.metadata).hexdigest()
                attributes += f' data-core-metadata="sha256={digest}"'
            fragment = f"#sha256={file.digest()}" if file.digest() else ""
            lines.append(f'<a href="{url}{fragment}"{attributes}>{html.escape(file.filename)}</a><br>')
        lines.append("</body></html>")
        return "\n".join(lines).encode()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.stopping = threading.Event()
        self.index: Index

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        index = self.server.index
        path = self.path
        # As a proxy is asked: we are every host.
        self.path = re.sub(r"^http://[^/]+", "", path)
        fault = index.take_fault(self.path.split("?")[0])
        kind, value, real = fault or ("", "", self.path)
        status = self.answer(kind, value, real.split("?")[0])
        with index.lock:
            index.log.append(Request(self.command, path, status, dict(self.headers.items())))

    do_HEAD = do_GET

    def answer(self, kind: str, value: str, path: str) -> int:
        if kind == "stall":
            self.server.stopping.wait(float(value))
        elif kind == "close":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return 0
        elif kind == "status":
            code, _, wait = value.partition(":")
            extra = {"Retry-After": wait} if wait else {}
            return self.send(int(code), f"fault {code}\n".encode(), "text/plain", extra)
        elif kind == "redirect":
            return self.send(302, b"", "text/plain", {"Location": value or self.path})
        elif kind == "bomb":
            body = gzip.compress(bytes(int(value) * 1024 * 1024), 9)
            return self.send(200, body, JSON_TYPE, {"Content-Encoding": "gzip"})
        if not self.is_allowed(value if kind == "auth" else ""):
            return self.send(401, b"", "text/plain", {"WWW-Authenticate": 'Basic realm="index"'})
        found = self.find(path)
        if not found:
            return self.send(404, b"not found\n", "text/plain")
        body, content_type = found
        if kind == "page":
            body = value.encode()
        elif kind == "type":
            content_type = value.replace("+", "/", 1)
        elif kind == "corrupt":
            body = body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1 :]
        return self.send_resource(body, content_type, kind, value)

    def is_allowed(self, user_and_password: str) -> bool:
        users = self.server.index.users
        if user_and_password:
            user, _, password = user_and_password.partition(":")
            users = {user: password}
        said = self.headers.get("Authorization", "")
        wanted = {
            "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
            for user, password in users.items()
        }
        return not users or said in wanted

    def find(self, path: str) -> tuple[bytes, str] | None:
        """The body and type of a resource."""
        index = self.server.index
        parts = [urllib.parse.unquote(part) for part in path.split("/") if part]
        if parts == ["log"]:
            with index.lock:
                lines = [f"{request.method} {request.path} {request.status}\n" for request in index.log]
            return "".join(lines).encode(), "text/plain"
        if len(parts) == 2 and parts[0] == "simple" and parts[1] in index.projects:
            if index.has_json and "json" in self.headers.get("Accept", "json"):
                return index.json_page(parts[1]), JSON_TYPE
            return index.html_page(parts[1]), HTML_TYPE if index.has_json else "text/html"
        if len(parts) == 3 and parts[0] == "files":
            for file, _ in index.page_entries(parts[1]):
                if parts[2] == file.filename:
                    return file.data, "application/octet-stream"
                if parts[2] == file.filename + ".metadata" and file.metadata is not None:
                    return file.metadata, "application/octet-stream"
        return None

    def send_resource(self, body: bytes, content_type: str, kind: str, value: str) -> int:
        index = self.server.index
        headers = {}
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if index.max_age is not None:
            headers["Cache-Control"] = f"max-age={index.max_age}"
        if index.has_etag:
            headers["ETag"] = etag
            if self.headers.get("If-None-Match") == etag:
                return self.send(304, b"", content_type, headers)
        if index.has_ranges:
            headers["Accept-Ranges"] = "bytes"
            wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
            if wanted and (wanted[1] or wanted[2]):
                first = int(wanted[1]) if wanted[1] else max(0, len(body) - int(wanted[2]))
                last = int(wanted[2]) if wanted[1] and wanted[2] else len(body) - 1
                if first >= len(body):
                    return self.send(416, b"", "text/plain", {"Content-Range": f"bytes */{len(body)}"})
                part = body[first : last + 1]
                headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(body)}"
                return self.send(206, part, content_type, headers, kind, value)
        return self.send(200, body, content_type, headers, kind, value)

    def send(
        self,
        status: int,
        body: bytes,
        content_type: str,
        headers: dict[str, str] | None = None,
        kind: str = "",
        value: str = "",
    ) -> int:
        head = [f"HTTP/1.1 {status} {self.responses.get(status, ('Status',))[0]}"]
        head.append(f"Content-Type: {content_type}")
        if status != 304:
            head.append(f"Content-Length: {len(body)}")
        head += [f"{name}: {text}" for name, text in (headers or {}).items()]
        data = "\r\n".join(head).encode() + b"\r\n\r\n"
        n_head = len(data)
        if self.command != "HEAD" and status != 304:
            data += body
        try:
            if kind == "slow":
                for i in range(0, len(data), max(1, int(value) // 10)):
                    self.wfile.write(data[i : i + max(1, int(value) // 10)])
                    self.wfile.flush()
                    if self.server.stopping.wait(0.1):
                        break
            elif kind in ("truncate", "hang"):
                self.wfile.write(data[: n_head + int(value)])
                self.wfile.flush()
                if kind == "hang":
                    self.server.stopping.wait(60)
                self.close_connection = True
            else:
                self.wfile.write(data)
        except OSError:
            self.close_connection = True
        return status


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("directory", nargs="?", type=pathlib.Path, help="wheels to serve")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--scenario", type=pathlib.Path, help="JSON: {name: {version: {requires: […]}}}")
    parser.add_argument("--certificate", help="PEM file with key and certificate: serves https")
    parser.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    parser.add_argument("--fault", action="append", default=[], metavar="PATTERN=KIND[:VALUE][*TIMES]")
    parser.add_argument("--html-only", action="store_true")
    arguments = parser.parse_args()
    index = Index(arguments.certificate, dict(user.split(":", 1) for user in arguments.user))
    index.has_json = not arguments.html_only
    if arguments.directory:
        index.add_directory(arguments.directory)
    if arguments.scenario:
        index.load(json.loads(arguments.scenario.read_text()))
    for text in arguments.fault:
        pattern, _, fault = text.rpartition("=")
        parts = re.fullmatch(r"([a-z]+)(?::(.*?))?(?:\*(\d+))?", fault)
        if not parts or parts[1] not in FAULTS:
            parser.error(f"no such fault: {text}")
        index.fault(pattern, parts[1], parts[2] or "", int(parts[3] or -1))
    index.start(arguments.port)
    print(index.url, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            time.sleep(3600)
    finally:
        index.stop()


if __name__ == "__main__":
    sys.exit(main())
