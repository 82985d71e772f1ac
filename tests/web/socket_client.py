"""A WebSocket client on a bare socket (RFC 6455), which can also break the protocol, unlike a
library's."""

import base64
import json
import os
import socket
import struct
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """Raised if the server refused the WebSocket, with `status` and `body`."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class SocketClient:
    def __init__(
        self, address: tuple[str, int], path: str, *, receive_bytes: int = 0, **headers: str
    ) -> None:
        """`receive_bytes`: size of the system's receive buffer, for a slow client."""
        self.socket = socket.socket()
        self.socket.settimeout(120)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(address)
        self._unread = b""
        lines = {
            "Host": f"localhost:{address[1]}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        answer = self._read_until(b"\r\n\r\n").decode()
        status = int(answer.split()[1])
        if status != 101:
            body = self._read(
                int(answer.lower().partition("content-length: ")[2].partition("\r\n")[0])
            ).decode()
            self.close()
            raise Refused(status, body)

    def send(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.send_frame(TEXT, data.encode())
        else:
            self.send_frame(BINARY, data)

    def send_frame(
        self, opcode: int, payload: bytes, *, is_last: bool = True, is_masked: bool = True
    ) -> None:
        size = len(payload)
        if size < 126:
            length = bytes([size])
        elif size < 65536:
            length = struct.pack(">BH", 126, size)
        else:
            length = struct.pack(">BQ", 127, size)
        head = bytes([opcode | 0x80 * is_last, length[0] | 0x80 * is_masked]) + length[1:]
        if is_masked:
            mask = os.urandom(4)
            repeated = (mask * (size // 4 + 1))[:size]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(
                size, "big"
            )
            head += mask
        self.socket.sendall(head + payload)

    def read(self) -> bytes | str:
        """The next message; pings are answered. Raises ConnectionError, with code and reason, if
        the server closes."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == PING:
                self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                raise ConnectionError(code, payload[2:].decode())
            elif opcode == TEXT:
                return payload.decode()
            elif opcode == BINARY:
                return payload

    def read_json(self, key: str) -> Any:
        """The next JSON message that has `key`; it must be among the next 300, about twelve seconds
        of /live."""
        for _ in range(300):
            if key in (message := json.loads(self.read())):
                return message
        raise AssertionError(f"no {key}")

    def read_frame(self) -> tuple[int, bytes]:
        first, second = self._read(2)
        assert first & 0x70 == 0 and second & 0x80 == 0, "a server sends plain frames, unmasked"
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self._read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._read(8))[0]
        return first & 0x0F, self._read(size)

    def close(self) -> None:
        self.socket.close()

    def _read(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._fill()
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def _read_until(self, end: bytes) -> bytes:
        while end not in self._unread:
            self._fill()
        head, _, self._unread = self._unread.partition(end)
        return head + b"\r\n"

    def _fill(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError(1006, "closed without a close frame")
        self._unread += data
