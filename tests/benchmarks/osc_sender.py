"""The client process of `python -m tests.benchmarks osc`: floods the engine and measures how soon
it answers.

Standard library only. It reads one JSON object from standard input (`host`, `port`, `rate`,
`seconds`, `packets` and `last` in hex), and then one line per flood, answered by one: `elsewhere`
sends the packets at that rate to its own socket, which is never read, to measure the cost of
sending alone; `engine` sends them to the engine; `last` does so, too, with `last` at the end,
answers with one JSON object about all floods, and exits.
"""

import json
import random
import select
import socket
import struct
import sys
import time

BURST_INTERVAL_S = 0.001  # 40 packets at once at 40 000 per second, like the ticks of a sequencer
PROBE_INTERVAL_S = (0.02, 0.06)  # random, so that requests occur anywhere within a frame
ANSWERS_WITHIN_S = 5.0


class SyncProbe:
    """Sends `/sync` and times `/synced`: from the messages before it to the end of the frame drawn
    with them."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.syncs = 0
        self._sent_s: float | None = None
        self._next_s = 0.0
        self.waits_ms: list[float] = []

    def poll(self) -> None:
        now_s = time.perf_counter()
        if self._sent_s is None:
            if now_s < self._next_s:
                return
            self.syncs += 1
            self._sent_s = now_s
            self._socket.send(b"/sync\0\0\0,i\0\0" + struct.pack(">i", self.syncs))
            return
        if not select.select([self._socket], [], [], 0.0)[0]:
            return
        if self._socket.recv(1024) == b"/synced\0,i\0\0" + struct.pack(">i", self.syncs):
            self.waits_ms.append((now_s - self._sent_s) * 1000.0)
            self._sent_s = None
            self._next_s = now_s + random.uniform(*PROBE_INTERVAL_S)

    @property
    def is_waiting(self) -> bool:
        return self._sent_s is not None


def send_flood(
    sock: socket.socket,
    packets: list[bytes],
    last: list[bytes],
    rate: float,
    seconds: float,
    probe: SyncProbe | None,
) -> tuple[int, float]:
    """Send the packets at that rate, then `last`; returns their number, without `/sync`, and the
    time of the end."""
    total = round(rate * seconds)
    sent = 0
    started_s = time.perf_counter()
    while sent < total:
        due = min(total, int((time.perf_counter() - started_s) * rate))
        for number in range(sent, due):
            sock.send(packets[number % len(packets)])
        sent = max(sent, due)
        if probe:
            probe.poll()
        time.sleep(BURST_INTERVAL_S)
    for packet in last:
        sock.send(packet)
    ended_s = time.perf_counter()
    end_s = ended_s + ANSWERS_WITHIN_S
    while probe and probe.is_waiting and time.perf_counter() < end_s:
        probe.poll()
        time.sleep(BURST_INTERVAL_S)
    return sent + len(last), ended_s


def flood_elsewhere(packets: list[bytes], rate: float, seconds: float) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unread,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        unread.bind(("127.0.0.1", 0))
        sock.connect(unread.getsockname())
        send_flood(sock, packets, [], rate, seconds, None)


def write_line(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    order = json.loads(sys.stdin.readline())
    packets = [bytes.fromhex(packet) for packet in order["packets"]]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        sock.connect((order["host"], order["port"]))
        write_line("ready")
        probe, last = SyncProbe(sock), [bytes.fromhex(packet) for packet in order["last"]]
        rate, seconds, sent, took_s = order["rate"], order["seconds"], 0, 0.0
        for line in sys.stdin:
            if line.strip() == "elsewhere":
                flood_elsewhere(packets, rate, seconds)
            else:
                started_s, is_last = time.perf_counter(), line.strip() == "last"
                count, ended_s = send_flood(
                    sock, packets, last if is_last else [], rate, seconds, probe
                )
                sent, took_s = sent + count, took_s + ended_s - started_s
                if is_last:
                    break
            write_line("sent")
        else:  # the parent process has exited
            return
    write_line(
        {
            "sent": sent,
            "syncs": probe.syncs,
            "waits_ms": probe.waits_ms,
            "took_s": took_s,
            "ended_s": ended_s,
        }
    )
