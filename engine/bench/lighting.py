"""A lighting desk's fader in a running engine: from an Art-Net packet to the value of its parameter.

The desk sends a packet every 20 to 60 ms, so that packets and the receiver's rests do not keep step.
"""

import contextlib
import random
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

import osc_schema
from engine.app import Engine

HOST: Final = "127.0.0.1"
UNIVERSE: Final = 1
ADDRESS: Final = "/layer/1/angle"  # drawing costs the same at any value
MAPPING: Final = f"""[map]
schema = {osc_schema.SCHEMA_VERSION}

[[entry]]
control = "osc /dmx/{UNIVERSE}/1"
target = "{ADDRESS}"
"""
MAX_WAIT_S: Final = 1.0  # a packet that takes longer is lost
POLL_S: Final = 0.0002


@contextlib.contextmanager
def lighting_desk() -> "Iterator[LightingDesk]":
    """A desk whose `config` belongs into that of the engine."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield LightingDesk(Path(folder))


class LightingDesk:
    """Sends on a thread of its own while the engine draws."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for the map."""
        self._mapping = folder / "mapping.toml"
        self._mapping.write_text(MAPPING, encoding="utf-8")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            self._port: int = probe.getsockname()[1]
        self._waits_ms: list[float] = []
        self._lost = 0

    @property
    def config(self) -> dict[str, Any]:
        """Entries of the engine's configuration."""
        dmx = {"listen": "artnet", "universes": (UNIVERSE,), "interface": HOST, "artnet_port": self._port}
        return {"dmx": dmx, "mapping": str(self._mapping)}

    def play(self, engine: Engine, seconds: float, draw: Callable[[], object]) -> None:
        """Move the fader for so long, while `draw` draws frames."""
        thread = threading.Thread(target=self._send, args=(engine, seconds), name="bench desk", daemon=True)
        thread.start()
        draw()
        thread.join()

    def figures(self) -> dict[str, Any]:
        """None for times of packets that are all lost."""
        p50, p99 = np.percentile(self._waits_ms, (50, 99)).round(3).tolist() if self._waits_ms else (None, None)
        return {
            "dmx_packets": len(self._waits_ms) + self._lost,
            "dmx_lost": self._lost,
            "dmx_packet_to_value_ms_p50": p50,
            "dmx_packet_to_value_ms_p99": p99,
        }

    def _send(self, engine: Engine, seconds: float) -> None:
        rests_s, end_s, level = random.Random(1), time.perf_counter() + seconds, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as desk:
            while time.perf_counter() < end_s:
                level = level % 255 + 1
                before, sent_s = engine.params.get(ADDRESS), time.perf_counter()
                desk.sendto(_art_dmx(level), (HOST, self._port))
                while engine.params.get(ADDRESS) == before and time.perf_counter() < sent_s + MAX_WAIT_S:
                    time.sleep(POLL_S)
                waited_s = time.perf_counter() - sent_s
                if waited_s < MAX_WAIT_S:
                    self._waits_ms.append(1000.0 * waited_s)
                else:
                    self._lost += 1
                time.sleep(rests_s.uniform(0.02, 0.06))


def _art_dmx(level: int) -> bytes:
    """ArtDmx with channel 1 at `level`, the other 511 at 0 (Art-Net 4; sequence 0: packets are not numbered)."""
    channels = bytes((level,)) + bytes(511)
    head = b"Art-Net\0" + struct.pack("<H", 0x5000) + struct.pack(">H", 14) + bytes((0, 0, UNIVERSE, 0))
    return head + struct.pack(">H", len(channels)) + channels
