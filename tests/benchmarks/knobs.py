"""Pictures from a packet to the first published one that carries it, for every address of the
picture, SD and SAM3.

The engine runs as a program, and is watched from outside: this process sends a value over UDP, and
looks at the shared pictures for the first one that differs. Nothing else changes in them: a steady
tone stands still (`/audio/<n>/trigger rising`), layer 5 is a photograph, and seeds are fixed. Of a
model its own pictures are counted: the one it works on when the packet comes is the first, so that
2 is the least that can be relied on.

An address may show only beside others. So each is tried in several scenes until it does.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import soundfile
from pythonosc.udp_client import SimpleUDPClient

import osc_schema
from engine.jobs.kit.options import option
from engine.params.looks import PLAIN
from engine.sinks.shared_reader import SharedReader
from osc_schema import Param, ParamType, Value
from tests.benchmarks.measuring import Progress
from tests.support.free_port import free_port

RATE_HZ, TONES_HZ = 48_000, (110, 220, 440, 880)
NOISE = 3  # levels of 255 by which a still picture may change
MAX_PICTURES, SETTLE_S, START_S = 8, 4.0, 120.0
SHOW: dict[str, dict[str, dict[str, Value]]] = msgspec.toml.decode(
    Path(__file__).with_suffix(".toml").read_bytes()
)
"""By part and scene the values of a scene; those of `all` are in every one."""
AREAS = tuple("layer multiverse colour feedback mirror region post text master".split())
REBUILDS = tuple(
    "/model /file /enable /compile /offload /fp8 /width /height /resolution interval_s duty".split()
)
"""Endings of addresses that load a model anew, change the size, or set its pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobsBench:
    """Count the pictures from each control to the picture, with a reader outside the engine."""

    part: str = option("all", "Which addresses.", metavar="all|picture|sd|sam3")
    most: int = option(1000, "At most this many addresses of each part.", low=1)


def run(options: KnobsBench, progress: Progress) -> dict[str, Any]:
    """By part, scene and number of pictures the addresses; `unseen`: those that showed in no
    scene."""
    result = progress.begin({})
    for part in ("picture", "sd", "sam3") if options.part == "all" else (options.part,):
        with tempfile.TemporaryDirectory(
            prefix="multiverse-knobs-", ignore_cleanup_errors=True
        ) as name:
            result[part] = _measure(part, Path(name), options.most, progress)
    return result


def _measure(part: str, folder: Path, most: int, progress: Progress) -> dict[str, Any]:
    scenes = dict(SHOW[part])
    named = {address for values in scenes.values() for address in values}
    defaults = {
        param.address: param.default for param in osc_schema.PARAMS if param.address in named
    }
    always = PLAIN | defaults | SHOW["all"]["all"] | scenes.pop("all")
    waiting = [param for param in osc_schema.PARAMS if _belongs(param, part)][:most]
    counts: dict[str, dict[int, list[str]]] = {}
    with _engine(part, folder) as rig:
        for scene, own in scenes.items():
            values = always | own
            rig.set(values)
            unseen = []
            for param in waiting:
                progress(f"{part}, {scene}: {param.address}", 0.0)
                count = rig.count(param, values.get(param.address, param.default))
                if count is None:
                    unseen.append(param)
                    continue
                counts.setdefault(scene, {}).setdefault(count, []).append(param.address)
            # Modes of SD differ in their pipelines: each is measured, not only until an address
            # shows.
            waiting = waiting if part == "sd" else unseen
    seen = {
        address for of_scene in counts.values() for each in of_scene.values() for address in each
    }
    return {
        "scenes": counts,
        "unseen": [param.address for param in waiting if param.address not in seen],
    }


def _belongs(param: Param, part: str) -> bool:
    if part == "picture":
        return param.area in AREAS and param.type is not ParamType.TRIGGER
    is_plain = param.type not in (ParamType.FILE, ParamType.TRIGGER) and not param.address.endswith(
        REBUILDS
    )
    is_first = not re.search(r"/[2-8]/|_[bcd]$", param.address)  # the others do the same
    return param.area == part and is_plain and is_first


class _Rig:
    """The running engine, seen from outside."""

    def __init__(self, port: int, ring: str) -> None:
        self._client, self._reader = SimpleUDPClient("127.0.0.1", port), SharedReader(ring)

    def set(self, values: Mapping[str, Value]) -> None:
        for address, value in values.items():
            self._client.send_message(address, value)

    def count(self, param: Param, now: Value) -> int | None:
        """Pictures until one shows another value of this parameter; None if none does."""
        for value in _others(param, now):
            before = self._still()
            if before is None:
                return None
            first = self._reader.number
            self._client.send_message(param.address, value)
            count = None
            with suppress(TimeoutError):  # of a value that pauses the pictures
                while count is None and self._next(SETTLE_S) - first <= MAX_PICTURES:
                    count = self._reader.number - first if self._differs(before) else None
            self._client.send_message(param.address, now)
            if count is not None:
                return count
        return None

    def _still(self) -> np.ndarray | None:
        """The newest picture, as soon as two in a row are the same; None if they never are."""
        end_s = time.perf_counter() + SETTLE_S
        while time.perf_counter() < end_s:
            before = self.picture
            self._next()
            if not self._differs(before):
                return self.picture
        return None

    def _differs(self, before: np.ndarray) -> bool:
        now = self.picture
        return now.shape != before.shape or int(np.abs(now.astype(np.int16) - before).max()) > NOISE

    @property
    def picture(self) -> np.ndarray:
        picture = self._reader.latest()
        assert picture is not None
        return picture

    def _next(self, wait_s: float = START_S) -> int:
        """Wait for the next picture; returns its number."""
        before, end_s = self._reader.number, time.perf_counter() + wait_s
        while self._reader.latest() is None or self._reader.number == before:
            if time.perf_counter() > end_s:
                raise TimeoutError(f"no picture of {self._reader.name}")
            self._reader.wait(0.1)
        return self._reader.number


def _others(param: Param, now: Value) -> list[Value]:
    """Other values of this parameter, the one that most likely shows first."""
    if param.type is ParamType.BOOL:
        return [not now]
    if param.type is ParamType.MENU:
        return [each for each in param.menu if each != now][:3]
    if param.type in (ParamType.TEXT, ParamType.FILE):
        return ["a lamp of glass"]
    if param.type is ParamType.COLOUR:
        return [(0.1, 0.9, 0.3, 1.0)]
    assert isinstance(now, int | float)
    low, high = max(param.low, -1e3), min(param.high, 1e3)
    far = (low, high) if now - low > high - now else (high, low)
    middle = low + 0.37 * (high - low)
    whole = param.type is ParamType.INT
    return [round(each) if whole else float(each) for each in (middle, *far) if each != now]


@contextmanager
def _engine(part: str, folder: Path) -> Iterator[_Rig]:
    """The engine as a program, from its first picture, or that of its model."""
    seconds = np.arange(10 * RATE_HZ) / RATE_HZ
    tones = np.stack([0.4 * np.sin(2 * np.pi * hz * seconds) for hz in TONES_HZ], axis=1)
    soundfile.write(folder / "tone.wav", tones, RATE_HZ)
    cv2.imwrite(str(folder / "still.png"), _photograph())
    port = free_port()
    values: dict[str, Any] = {
        "width": 160,
        "height": 90,
        "fps": 30.0,
        "audio": str(folder / "tone.wav"),
    }
    values |= {"camera": str(folder / "still.png"), "sinks": ["shared=knobs"], "web": "off"}
    values |= {"osc": {"listen": f"127.0.0.1:{port}"}, "presets": str(folder / "presets")}
    if part != "picture":
        values[part] = (
            _sd_models(folder) if part == "sd" else {"model": "random:tiny", "device": "cpu"}
        )
    (folder / "show.toml").write_bytes(msgspec.toml.encode(values))
    command = [
        sys.executable,
        "-m",
        "engine.cli.main",
        "run",
        "--config",
        str(folder / "show.toml"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"}
    ) as process:
        try:
            rig = _Rig(port, {"picture": "knobs", "sd": "sd picture", "sam3": "sam3 objects"}[part])
            _Rig(port, "knobs")._next()
            rig.set(PLAIN | SHOW["all"]["all"] | SHOW[part]["all"])
            rig._next()
            yield rig
        finally:
            process.terminate()
            process.wait()


def _photograph() -> np.ndarray:
    """Smooth spots of all colours, with a white disc, (90, 160, 3) uint8."""
    spots = np.random.default_rng(0).integers(0, 256, (9, 16, 3), np.uint8)
    return cv2.circle(
        cv2.resize(spots, (160, 90), interpolation=cv2.INTER_CUBIC),
        (60, 45),
        20,
        (255, 255, 255),
        -1,
    )


def _sd_models(folder: Path) -> dict[str, Any]:
    from tests.support import tiny_models

    model = tiny_models.build_tiny_sd(folder / "sd")
    return {
        "model": str(model),
        "device": "cpu",
        "loras": [
            {
                "path": str(tiny_models.build_tiny_lora(folder / "lora.safetensors", model)),
                "weight": 0.0,
            }
        ],
        "controlnets": [str(tiny_models.build_tiny_controlnet(folder / "net", model))],
        "ip_adapter": str(tiny_models.build_tiny_ip_adapter(folder / "ip", model)),
        "pictures": str(folder),
    }
