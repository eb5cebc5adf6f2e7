# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus in the standard library: enough of a client (and of a service) to test one.

Values are Python's: str, int, float, bool, list for arrays and structs, dict for dictionaries,
`Variant` for variants that are sent. Descriptors are indices in the values; the descriptors
themselves travel in `fds`.

Source: the D-Bus specification 0.41, "Message Protocol".
"""

from __future__ import annotations

import array
import os
import select
import socket
import struct
import time
from collections import deque
from typing import Any, Callable, NamedTuple, Optional

METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY_EXPECTED, ALLOW_INTERACTIVE = 1, 4

DRIVER = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")

_FIXED = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_ALIGNMENT = {"y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "x": 8, "t": 8, "d": 8, "(": 8, "{": 8}


class Variant(NamedTuple):
    """A value with its type."""

    signature: str
    value: Any


class BusError(Exception):
    """An error reply."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class Disconnected(Exception):
    """The other side closed the connection."""


def split_signature(signature: str) -> list[str]:
    """The complete types of a signature."""
    types = []
    start = 0
    while start < len(signature):
        end = start
        while signature[end] == "a":
            end += 1
        depth = 0
        while True:
            depth += signature[end] in "({"
            depth -= signature[end] in ")}"
            end += 1
            if depth == 0:
                break
        types.append(signature[start:end])
        start = end
    return types


def _alignment(kind: str) -> int:
    return _ALIGNMENT.get(kind[0], 4)


class Writer:
    """Marshals values, little endian."""

    def __init__(self) -> None:
        self.data = bytearray()

    def pad(self, alignment: int) -> None:
        self.data += bytes(-len(self.data) % alignment)

    def put(self, kind: str, value: Any) -> None:
        self.pad(_alignment(kind))
        first = kind[0]
        if first in _FIXED:
            self.data += struct.pack("<" + _FIXED[first], value)
        elif first == "b":
            self.data += struct.pack("<I", bool(value))
        elif first in "so":
            text = value.encode() if isinstance(value, str) else value
            self.data += struct.pack("<I", len(text)) + text + b"\0"
        elif first == "g":
            self.data += struct.pack("<B", len(value)) + value.encode() + b"\0"
        elif first == "v":
            self.put("g", value.signature)
            self.put(value.signature, value.value)
        elif first == "a":
            self._put_array(kind[1:], value)
        else:
            for item_kind, item in zip(split_signature(kind[1:-1]), value, strict=True):
                self.put(item_kind, item)

    def _put_array(self, kind: str, value: Any) -> None:
        place = len(self.data)
        self.data += bytes(4)
        self.pad(_alignment(kind))
        start = len(self.data)
        for item in value.items() if isinstance(value, dict) else value:
            self.put(kind, item)
        struct.pack_into("<I", self.data, place, len(self.data) - start)


class Reader:
    """Unmarshals values, little endian."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def pad(self, alignment: int) -> None:
        self.at += -self.at % alignment

    def _unpack(self, code: str) -> Any:
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def get(self, kind: str) -> Any:
        self.pad(_alignment(kind))
        first = kind[0]
        if first in _FIXED:
            return self._unpack(_FIXED[first])
        if first == "b":
            return bool(self._unpack("I"))
        if first in "sog":
            length = self._unpack("B" if first == "g" else "I")
            text = self.data[self.at : self.at + length].decode()
            self.at += length + 1
            return text
        if first == "v":
            return self.get(self.get("g"))
        if first == "a":
            return self._get_array(kind[1:])
        return [self.get(item) for item in split_signature(kind[1:-1])]

    def _get_array(self, kind: str) -> Any:
        length = self._unpack("I")
        self.pad(_alignment(kind))
        end = self.at + length
        items = []
        while self.at < end:
            items.append(self.get(kind))
        return dict(items) if kind[0] == "{" else items


class Message:
    """One message; `body` holds the values, `fds` the descriptors that came along."""

    def __init__(self, kind: int, fields: dict[int, Any], flags: int = 0) -> None:
        self.kind = kind
        self.flags = flags
        self.serial = 0
        self.fields = fields
        self.body: list[Any] = []
        self.fds: list[int] = []

    path = property(lambda self: self.fields.get(1))
    interface = property(lambda self: self.fields.get(2))
    member = property(lambda self: self.fields.get(3))
    error_name = property(lambda self: self.fields.get(4))
    reply_serial = property(lambda self: self.fields.get(5))
    sender = property(lambda self: self.fields.get(7))
    signature = property(lambda self: self.fields.get(8, ""))

    _KINDS = {1: "o", 2: "s", 3: "s", 4: "s", 5: "u", 6: "s", 7: "s", 8: "g", 9: "u"}

    def encode(self) -> bytes:
        body = Writer()
        for kind, value in zip(split_signature(self.signature), self.body, strict=True):
            body.put(kind, value)
        if self.fds:
            self.fields[9] = len(self.fds)
        head = Writer()
        head.data += struct.pack("<cBBBII", b"l", self.kind, self.flags, 1, len(body.data), self.serial)
        fields = [
            [code, Variant(self._KINDS[code], value)]
            for code, value in self.fields.items()
            if value is not None and value != ""
        ]
        head.put("a(yv)", fields)
        head.pad(8)
        return bytes(head.data + body.data)

    @staticmethod
    def length(data: bytes) -> Optional[int]:
        """Of the first message in `data`; None: more is needed to know."""
        if len(data) < 16:
            return None
        body, _, fields = struct.unpack_from("<III", data, 4)
        return 16 + fields + -fields % 8 + body

    @classmethod
    def decode(cls, data: bytes) -> Message:
        _, kind, flags, _, body_length, serial = struct.unpack_from("<cBBBII", data, 0)
        reader = Reader(data)
        reader.at = 12
        message = cls(kind, dict(reader.get("a(yv)")), flags)
        message.serial = serial
        body = Reader(data[len(data) - body_length :])
        message.body = [body.get(item) for item in split_signature(message.signature)]
        return message


Handler = Callable[["Connection", Message], None]


class Connection:
    """A connection to a bus, or (with `peer`) to a service that speaks D-Bus itself.

    Everything blocks with a deadline; signals that arrive meanwhile wait in `signals`. Method calls
    go to `on_call`.
    """

    def __init__(self, address: str, peer: bool = False, fds: bool = True) -> None:
        self.signals: deque[Message] = deque()
        self.on_call: Optional[Handler] = None
        self._replies: dict[int, Message] = {}
        self._data = b""
        self._fds: list[int] = []
        self._serial = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(address.removeprefix("unix:path="))
        self._authenticate(fds)
        self.name = "" if peer else self.call(*DRIVER, "Hello")[0]

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _authenticate(self, fds: bool) -> None:
        uid = str(os.geteuid()).encode().hex().encode()
        self.socket.sendall(b"\0AUTH EXTERNAL " + uid + b"\r\n")
        self._expect(b"OK ")
        if fds:
            self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
            self._expect(b"AGREE_UNIX_FD")
        self.socket.sendall(b"BEGIN\r\n")

    def _expect(self, start: bytes) -> None:
        line = b""
        while not line.endswith(b"\r\n"):
            part = self.socket.recv(1)
            if not part:
                raise Disconnected("during authentication")
            line += part
        if not line.startswith(start):
            raise Disconnected(f"expected {start!r}, got {line!r}")

    def send(self, message: Message) -> int:
        self._serial += 1
        message.serial = self._serial
        data = message.encode()
        control = []
        if message.fds:
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", message.fds))]
        sent = self.socket.sendmsg([data], control)
        self.socket.sendall(data[sent:])
        return self._serial

    def _receive_bytes(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise TimeoutError("nothing came on the bus in time")
        try:
            data, control, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64 * 4))
        except ConnectionResetError:
            raise Disconnected("reset") from None
        if not data:
            raise Disconnected("end of stream")
        self._data += data
        for _, _, payload in control:
            received = array.array("i")
            received.frombytes(payload[: len(payload) - len(payload) % 4])
            self._fds += received

    def receive(self, timeout: float = 20) -> Message:
        """The next message, whatever it is. Errors: TimeoutError, Disconnected."""
        deadline = time.monotonic() + timeout
        while True:
            length = Message.length(self._data)
            if length is not None and len(self._data) >= length:
                message = Message.decode(self._data[:length])
                self._data = self._data[length:]
                n_fds = message.fields.get(9, 0)
                message.fds, self._fds = self._fds[:n_fds], self._fds[n_fds:]
                return message
            self._receive_bytes(deadline)

    def step(self, timeout: float = 20) -> None:
        """Takes one message and puts it where it belongs."""
        message = self.receive(timeout)
        if message.kind == SIGNAL:
            self.signals.append(message)
        elif message.kind == METHOD_CALL:
            if self.on_call:
                self.on_call(self, message)
        elif message.reply_serial is not None:
            self._replies[message.reply_serial] = message

    def start_call(
        self,
        destination: Optional[str],
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *values: Any,
        fds: tuple[int, ...] = (),
        flags: int = 0,
    ) -> int:
        fields = {1: path, 2: interface, 3: member, 6: destination, 8: signature}
        message = Message(METHOD_CALL, fields, flags)
        message.body = list(values)
        message.fds = list(fds)
        return self.send(message)

    def wait_reply(self, serial: int, timeout: float = 20) -> Message:
        deadline = time.monotonic() + timeout
        while serial not in self._replies:
            self.step(deadline - time.monotonic())
        reply = self._replies.pop(serial)
        if reply.kind == ERROR:
            raise BusError(reply.error_name, reply.body[0] if reply.body else "")
        return reply

    def call(self, *arguments: Any, timeout: float = 20, **options: Any) -> list[Any]:
        """A method call and its values. Errors: BusError, TimeoutError, Disconnected."""
        return self.wait_reply(self.start_call(*arguments, **options), timeout).body

    def wait_signal(
        self, member: str, match: Callable[[Message], bool] = lambda _: True, timeout: float = 30
    ) -> Message:
        """The first signal of that name that `match` accepts; the others stay waiting."""
        deadline = time.monotonic() + timeout
        passed: list[Message] = []
        try:
            while True:
                while not self.signals:
                    self.step(deadline - time.monotonic())
                message = self.signals.popleft()
                if message.member == member and match(message):
                    return message
                passed.append(message)
        finally:
            self.signals.extendleft(reversed(passed))

    def add_match(self, rule: str) -> None:
        self.call(*DRIVER, "AddMatch", "s", rule)

    def request_name(self, name: str) -> None:
        if self.call(*DRIVER, "RequestName", "su", name, 4)[0] != 1:
            raise BusError("NameTaken", name)

    def reply(self, call: Message, signature: str = "", *values: Any) -> None:
        if call.flags & NO_REPLY_EXPECTED:
            return
        message = Message(METHOD_RETURN, {5: call.serial, 6: call.sender, 8: signature})
        message.body = list(values)
        self.send(message)

    def reply_error(self, call: Message, name: str, text: str) -> None:
        message = Message(ERROR, {4: name, 5: call.serial, 6: call.sender, 8: "s"})
        message.body = [text]
        self.send(message)
