"""A flood of OSC messages while a picture runs: losses, cost per frame, and latency of a value.

Quiet and flooded rounds alternate, so that a machine that gets warm or busy affects both. Between
them the same program floods its own socket, to measure how much the sender alone slows the picture.
How many messages arrive also depends on other programs: `cores_busy_elsewhere` is their load in the
quiet time. The flood sets 50 addresses to values so close to their defaults that drawing costs the
same with and without it: the difference is OSC alone.

At its end the flood sets each float once more, to a value that it has not had before.
`last_values_lost` of them never arrive; the others are all in a published frame after
`flood_end_to_frame_ms`. With `busy`, other processes keep that many cores busy during the whole
run.

At the end a lighting desk moves a fader: from an Art-Net packet to the value of its parameter. It
sends a packet every 20 to 60 ms, so that packets and the receiver's pauses do not keep step.
"""

import contextlib
import json
import random
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import psutil

import osc_schema
from engine.app import Engine, open_engine
from engine.errors import MultiverseError
from engine.jobs.kit.options import option
from engine.osc.encode import encode_reply
from engine.system.worker_process import WorkerProcess
from osc_schema import Param, ParamType, Value
from tests.benchmarks.frame import busy_programs
from tests.benchmarks.measuring import Progress, draw, percentiles, show_config
from tests.benchmarks.options import LoopBench

ADDRESSES = 50
VALUES = 20  # different values per address, sent in turn
ROUNDS = 4
MAX_SETTLING_S = 2.0  # for caches, pools and clock rates; not measured
ARRIVED_WITHIN_S = 2.0
MAX_SENDER_S = 30.0
MAX_DESK_S = 5.0
SWITCHES_ON = {
    "/feedback/amount",
    "/layer/5/intensity",
    *(f"/layer/{n}/curve" for n in range(1, 5)),
}
"""Floats that make drawing more expensive above 0, so they are sent at their default."""
EXCLUDED = osc_schema.FULLY_NAMED | {"safety"}
DESK_HOST: Final = "127.0.0.1"
DESK_UNIVERSE: Final = 1
DESK_ADDRESS: Final = "/layer/1/angle"  # drawing costs the same at any value
DESK_MAPPING: Final = f"""[map]
schema = {osc_schema.SCHEMA_VERSION}

[[entry]]
control = "osc /dmx/{DESK_UNIVERSE}/1"
target = "{DESK_ADDRESS}"
"""
MAX_PACKET_S: Final = 1.0  # a packet that takes longer is lost
DESK_POLL_S: Final = 0.0002


@dataclass(frozen=True, slots=True, kw_only=True)
class OscBench(LoopBench):
    """Flood the engine with OSC while it draws: lost values, live latency, cost per frame. Then
    move a DMX fader."""

    rate: int = option(40_000, "Messages per second.")
    seconds: float = option(10.0, "Length with and without load, in turn.")
    busy: int = option(0, "Cores that other processes keep busy.", low=0, high=64)


def run(options: OscBench, progress: Progress) -> dict[str, Any]:
    """Measure the same time with the flood and without, in one run; times in ms."""
    seconds = options.seconds
    settling_s, desk_s = min(seconds, MAX_SETTLING_S), min(seconds, MAX_DESK_S)
    with contextlib.ExitStack() as stack:
        stack.enter_context(busy_programs(options.busy))
        lighting_desk = _LightingDesk(
            stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        )
        config = show_config(options, osc={"listen": "127.0.0.1:0"}, **lighting_desk.config)
        engine = stack.enter_context(open_engine(config))
        sender = _sender(engine, options.rate, seconds / ROUNDS)
        stack.callback(sender.end)
        _answer(sender)  # it is ready
        phases = _PhaseRunner(engine, 3.0 * seconds + settling_s + desk_s, progress)
        for address, value in _values(0):
            engine.params.set(address, value)
        phases.draw("settling", settling_s)
        quiet_ms, elsewhere_ms, flooded_ms, busy_cores = (list[float]() for _ in range(4))
        before, _ = _received(engine)
        receiving_s, late = _receiving_thread_s(), 0
        last = _LastValues(engine)
        for number in range(1, ROUNDS + 1):
            quiet_ms += _quiet(phases, seconds / ROUNDS, busy_cores)
            sender.send(b"elsewhere\n")
            elsewhere_ms += phases.draw("flood elsewhere", seconds / ROUNDS)
            draw(engine, MAX_SENDER_S, until=lambda: sender.receive(0.0) is not None)
            late -= engine.times.late
            sender.send(b"engine\n" if number < ROUNDS else b"last\n")
            flooded_ms += phases.draw("flood", seconds / ROUNDS, last.note)
            late += engine.times.late
            if number < ROUNDS:
                draw(engine, MAX_SENDER_S, until=lambda: sender.receive(0.0) is not None)
        progress.begin(_frame_times(quiet_ms, elsewhere_ms, flooded_ms) | {"late_flooded": late})
        draw(engine, MAX_SENDER_S, until=lambda: sender.has_ended, on_frame=last.note)
        report = json.loads(_answer(sender))
        expected = before + report["sent"] + report["syncs"]
        draw(
            engine,
            ARRIVED_WITHIN_S,
            until=lambda: last.have_arrived and _received(engine)[0] >= expected,
            on_frame=last.note,
        )
        receiving_s = _receiving_thread_s() - receiving_s
        latency = engine.status().latency_ms
        osc = engine.status().osc
        assert osc is not None
        messages, buffer_bytes = _received(engine)
        lighting_desk.play(engine, desk_s, lambda: phases.draw("lighting desk", desk_s))
    waits = percentiles(report["waits_ms"], arrival_to_frame_ms_p50=50, arrival_to_frame_ms_p99=99)
    return {
        **_frame_times(quiet_ms, elsewhere_ms, flooded_ms),
        "late_flooded": late,
        "cores": psutil.cpu_count(),
        "cores_busy_elsewhere": round(max(0.0, float(np.mean(busy_cores))), 2),
        "messages": report["sent"],
        "messages_a_second": round(report["sent"] / report["took_s"]),
        "cores_kept_busy": options.busy,
        "lost": expected - messages,
        "lost_by_the_system": osc.lost,
        "replaced": osc.replaced,
        "discarded": osc.discarded,
        "last_values": len(last.values),
        "last_values_lost": last.missing,
        "flood_end_to_frame_ms": last.after_ms(report["ended_s"]),
        "receiving_us_a_message": round(1e6 * receiving_s / (report["sent"] + report["syncs"]), 2),
        "latency_ms_p50": round(latency.p50, 3),
        "latency_ms_p99": round(latency.p99, 3),
        "latency_ms_worst": round(latency.worst, 3),
        "receive_buffer_bytes": buffer_bytes,
        "questions": report["syncs"],
        "unanswered": report["syncs"] - len(report["waits_ms"]),
        **waits,
        "arrival_to_frame_frames_p99": round(
            waits["arrival_to_frame_ms_p99"] * options.fps / 1000.0, 3
        ),
        **lighting_desk.figures(),
    }


def _frame_times(
    quiet_ms: list[float], elsewhere_ms: list[float], flooded_ms: list[float]
) -> dict[str, float]:
    times = {
        **percentiles(quiet_ms, frame_ms_p50_quiet=50, frame_ms_p99_quiet=99),
        **percentiles(flooded_ms, frame_ms_p50_flooded=50, frame_ms_p99_flooded=99),
        **percentiles(elsewhere_ms, frame_ms_p99_flood_elsewhere=99),
    }
    flooded = times["frame_ms_p99_flooded"]
    return times | {
        "frame_p99_ratio": round(flooded / times["frame_ms_p99_quiet"], 3),
        "frame_p99_ratio_to_flood_elsewhere": round(
            flooded / times["frame_ms_p99_flood_elsewhere"], 3
        ),
    }


def _quiet(phases: "_PhaseRunner", seconds: float, busy_cores: list[float]) -> list[float]:
    """The work of each frame without load, ms. Adds the number of cores that other processes kept
    busy meanwhile."""
    began_s, busy_s = time.perf_counter(), _busy_elsewhere_s()
    work_ms = phases.draw("quiet", seconds)
    busy_cores.append((_busy_elsewhere_s() - busy_s) / (time.perf_counter() - began_s))
    return work_ms


def _busy_elsewhere_s() -> float:
    """Processor time of all other processes."""
    # A guest's time is included in the user's, an interrupt's on Windows in the system's.
    not_busy = {"idle", "iowait", "guest", "guest_nice", "interrupt", "dpc"}
    times = psutil.cpu_times()._asdict()
    busy_s: float = sum(spent_s for kind, spent_s in times.items() if kind not in not_busy)
    return busy_s - time.process_time()


class _PhaseRunner:
    """Draws frames, one phase of the measurement after the other; shows the progress once per
    second."""

    def __init__(self, engine: Engine, seconds: float, progress: Progress) -> None:
        self._engine = engine
        self._fps = round(engine.status().target_fps)
        self._seconds = seconds
        self._progress = progress
        self._frames = 0

    def draw(
        self, phase: str, seconds: float, on_frame: Callable[[], None] = lambda: None
    ) -> list[float]:
        """Milliseconds of work of each frame within `seconds`. Calls `on_frame()` after each."""

        def count() -> None:
            on_frame()
            if self._frames % self._fps == 0:
                self._progress(phase, min(1.0, self._frames / (self._seconds * self._fps)))
            self._frames += 1

        return draw(self._engine, seconds, on_frame=count)


def _answer(sender: WorkerProcess) -> bytes:
    """Its next line. MultiverseError if it does not come; EOFError if it has ended."""
    if (line := sender.receive(MAX_SENDER_S)) is None:
        raise MultiverseError(f"the program that sends has not answered in {MAX_SENDER_S:g} s")
    return line


def _sender(engine: Engine, rate: float, seconds: float) -> WorkerProcess:
    """Start the flooding program."""
    assert engine.osc_address is not None
    host, port = engine.osc_address
    packets = [
        encode_reply(address, value).hex()
        for number in range(VALUES)
        for address, value in _values(number)
        if not isinstance(value, tuple)  # no colours
    ]
    last = [encode_reply(address, value).hex() for address, value in _last_values().items()]
    order = {
        "host": host,
        "port": port,
        "rate": rate,
        "seconds": seconds,
        "packets": packets,
        "last": last,
    }
    sender = WorkerProcess("tests.benchmarks.osc_sender", "main()")
    sender.send(json.dumps(order).encode() + b"\n")
    return sender


def _received(engine: Engine) -> tuple[int, int]:
    """OSC messages executed or replaced by newer ones since the start, and the bytes of the receive
    buffer."""
    osc = engine.status().osc
    assert osc is not None
    return osc.messages + osc.replaced + osc.discarded, osc.receive_buffer_bytes


def _values(number: int) -> list[tuple[str, Value]]:
    """The flood's `number`-th value of each address: the default, floats shifted by up to 0.1 % of
    the range."""
    return [
        (param.address, _near_default(param, 1e-3 * (number + 1) / VALUES)) for param in _params()
    ]


def _near_default(param: Param, shift: float) -> Value:
    default = param.default
    if (
        param.type is not ParamType.FLOAT
        or param.address in SWITCHES_ON
        or not isinstance(default, float)
    ):
        return default
    step = shift * (param.high - param.low)
    return default + step if default + step <= param.high else default - step


def _last_values() -> dict[str, float]:
    """The values at the end of the flood, of the floats that it has not set to them before."""
    before = dict(_values(VALUES - 1))
    return {
        address: value
        for address, value in _values(VALUES)
        if isinstance(value, float) and value != before[address]
    }


class _LastValues:
    """Notes the first frame in which every value at the end of the flood has arrived."""

    def __init__(self, engine: Engine) -> None:
        self.values = _last_values()
        self.missing = len(self.values)
        """Number of values that have not arrived."""
        self._engine = engine
        self._arrived_s: float | None = None

    @property
    def have_arrived(self) -> bool:
        return self._arrived_s is not None

    def note(self) -> None:
        """Call it after each frame."""
        if self._arrived_s is None and not self.missing:
            self._arrived_s = time.perf_counter()
        elif self.missing:
            self._engine.post(self._count_missing)

    def _count_missing(self) -> None:
        """At the start of a frame, just before it reads its values."""
        get = self._engine.params.get
        self.missing = sum(
            bool(np.float32(cast(float, get(address))) != np.float32(value))
            for address, value in self.values.items()
        )

    def after_ms(self, ended_s: float) -> float | None:
        """Time from the end of the flood to the end of that frame; None if there was none."""
        return None if self._arrived_s is None else round((self._arrived_s - ended_s) * 1000.0, 3)


def _receiving_thread_s() -> float:
    """Processor time of the thread that receives OSC."""
    number = next(
        thread.native_id for thread in threading.enumerate() if thread.name == "osc receive"
    )
    return next(
        float(at.user_time + at.system_time) for at in psutil.Process().threads() if at.id == number
    )


def _params() -> list[Param]:
    """Floats first, then other types that change nothing when set to their default."""
    types = (ParamType.FLOAT, ParamType.STOPS, ParamType.INT, ParamType.BOOL)
    usable = [
        param for param in osc_schema.PARAMS if param.type in types and param.area not in EXCLUDED
    ]
    return sorted(usable, key=lambda param: types.index(param.type))[:ADDRESSES]


class _LightingDesk:
    """Sends on a thread of its own while the engine draws. Its `config` belongs into that of the
    engine."""

    def __init__(self, folder: str) -> None:
        """`folder`: for the map."""
        self._mapping = Path(folder, "mapping.toml")
        self._mapping.write_text(DESK_MAPPING, encoding="utf-8")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((DESK_HOST, 0))
            self._port: int = probe.getsockname()[1]
        self._waits_ms: list[float] = []
        self._lost = 0

    @property
    def config(self) -> dict[str, Any]:
        """Entries of the engine's configuration."""
        dmx = {
            "listen": "artnet",
            "universes": (DESK_UNIVERSE,),
            "interface": DESK_HOST,
            "artnet_port": self._port,
        }
        return {"dmx": dmx, "mapping": str(self._mapping)}

    def play(self, engine: Engine, seconds: float, draw: Callable[[], object]) -> None:
        """Move the fader for so long, while `draw` draws frames."""
        thread = threading.Thread(
            target=self._send, args=(engine, seconds), name="bench desk", daemon=True
        )
        thread.start()
        draw()
        thread.join()

    def figures(self) -> dict[str, Any]:
        """None for times of packets that are all lost."""
        names = {"dmx_packet_to_value_ms_p50": 50, "dmx_packet_to_value_ms_p99": 99}
        waits = percentiles(self._waits_ms, **names) if self._waits_ms else dict.fromkeys(names)
        return {"dmx_packets": len(self._waits_ms) + self._lost, "dmx_lost": self._lost, **waits}

    def _send(self, engine: Engine, seconds: float) -> None:
        # ArtDmx with channel 1 at a level, the other 511 at 0 (Art-Net 4; sequence 0: packets are
        # not numbered).
        head = (
            b"Art-Net\0"
            + struct.pack("<H", 0x5000)
            + struct.pack(">H", 14)
            + bytes((0, 0, DESK_UNIVERSE, 0))
        )
        head += struct.pack(">H", 512)
        rests_s, end_s, level = random.Random(1), time.perf_counter() + seconds, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while time.perf_counter() < end_s:
                level = level % 255 + 1
                before, sent_s = engine.params.get(DESK_ADDRESS), time.perf_counter()
                sock.sendto(head + bytes((level,)) + bytes(511), (DESK_HOST, self._port))
                while (
                    engine.params.get(DESK_ADDRESS) == before
                    and time.perf_counter() < sent_s + MAX_PACKET_S
                ):
                    time.sleep(DESK_POLL_S)
                waited_s = time.perf_counter() - sent_s
                if waited_s < MAX_PACKET_S:
                    self._waits_ms.append(1000.0 * waited_s)
                else:
                    self._lost += 1
                time.sleep(rests_s.uniform(0.02, 0.06))
