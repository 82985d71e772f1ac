"""The client process of `tests.benchmarks isf-live`: drops shader files into a folder and plays them over OSC.

Started by path, with only the standard library, so that it does not slow down the engine's interpreter. It reads one
JSON object from standard input (`host`, `port`), subscribes, writes "ready", and then runs one JSON object per line:
`path` and `text` of a file to write (no `text`: play what is there), `slot` and `file` to choose. After each it writes
one JSON object with the times of `time.perf_counter`, which all processes of a machine share.
"""

import json
import socket
import struct
import sys
import time
from typing import Any

WAIT_S = 20.0


def osc(address: str, *args: str | int) -> bytes:
    """Encode an OSC message with texts and ints."""
    tags = "," + "".join("i" if isinstance(each, int) else "s" for each in args)
    parts = [each if isinstance(each, int) else _text(each) for each in (address, tags, *args)]
    return b"".join(struct.pack(">i", part) if isinstance(part, int) else part for part in parts)


def _text(text: str) -> bytes:
    data = text.encode()
    return data + bytes(4 - len(data) % 4)


class ShaderDropper:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((host, port))
        self._socket.settimeout(WAIT_S)
        self._socket.send(osc("/engine/notify", 1))
        self._await(b"/fx/4/enable\0")  # the values of now

    def play(self, order: dict[str, Any]) -> dict[str, Any]:
        """Write the file, wait until the engine has found it, choose it; the time of each step, and the error."""
        times: dict[str, Any] = {"began_s": time.perf_counter(), "error": ""}
        if "text" in order:
            with open(order["path"], "w", encoding="utf-8") as file:
                file.write(order["text"])
            self._await(b"/fx/changed\0")
        times["sent_s"] = time.perf_counter()
        self._socket.send(osc(f"/fx/{order['slot']}/file", order["file"]))
        refused = f"/fx/{order['slot']}/error\0".encode()
        answer = self._await(b"/fx/playing\0", refused)
        times["playing_s"] = time.perf_counter()
        if refused in answer:
            times["error"] = answer[answer.index(refused) :].decode("utf-8", "replace")
        return times

    def _await(self, *wanted: bytes) -> bytes:
        """The next packet with one of these addresses."""
        end_s = time.perf_counter() + WAIT_S
        while time.perf_counter() < end_s:
            packet = self._socket.recv(65536)
            if any(address in packet for address in wanted):
                return packet
        raise TimeoutError(f"no {wanted!r} in {WAIT_S:g} s")


def write_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    order = json.loads(sys.stdin.readline())
    dropper = ShaderDropper(order["host"], order["port"])
    write_line("ready")
    while line := sys.stdin.readline():
        write_line(json.dumps(dropper.play(json.loads(line))))


if __name__ == "__main__":
    main()
