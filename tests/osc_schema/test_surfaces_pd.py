"""The Pd patch in real Pd without a window, against a live engine."""

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from engine import Config, open_engine
from engine.config import OscConfig, build_config
from engine.params.looks import LOOKS
from osc_schema.generate.pd_patch import pd_patch

PD = ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr"]
PRINTED = {
    "angle": "/layer/2/angle",
    "prompt": "/sd/prompt",
    "out": "multiverse-out",
    "source": "/mod/1/source/shown",
    "objects": "/sam3/objects",
    **{name: f"/sam3/object/1/{name}" for name in ("id", "score", "cx", "cy")},
}
"""What the bench patch prints, by the word before it."""


def bench_patch(port: int) -> str:
    """Passes `list NAME TYPE VALUE;` to the receive name NAME, and prints what some controls receive."""
    lines = ["#N canvas 0 0 500 300 10", f"#X obj 10 10 netreceive -u {port}", r"#X msg 10 40 \; \$1 \$2 \$3"]
    for printed, name in PRINTED.items():
        lines += [f"#X obj 10 70 r {name}", f"#X obj 10 100 print {printed}"]
    lines += [f"#X connect {2 * pair} 0 {2 * pair + 1} 0" for pair in range(len(PRINTED) + 1)]
    return ";\n".join([*lines, ""])


class Bench:
    """Pd with the patch and a bench patch beside it; the test itself runs the engine's frames."""

    def __init__(self, engine: Any, folder: Path, free_port: Callable[[], int], wait_for: Callable[..., Any]) -> None:
        host, port = engine.osc_address
        self.play(engine)
        self._wait_for = wait_for
        self._port = free_port()
        self._output = folder / "output"
        (folder / "multiverse.pd").write_text(
            pd_patch(osc_schema.AREAS, host=host, port=port, listen_port=free_port()), encoding="utf-8"
        )
        (folder / "bench.pd").write_text(bench_patch(self._port))
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(
                [*PD, "bench.pd", "multiverse.pd"], cwd=folder, stdout=file, stderr=subprocess.STDOUT
            )

    def play(self, engine: Any) -> None:
        self.engine = engine
        self._frames = engine.frames()

    def printed(self, what: str) -> list[str]:
        return [line.strip() for line in re.findall(rf"^{what}: (.*)$", self.text, re.MULTILINE)]

    @property
    def text(self) -> str:
        return self._output.read_text()

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        self._wait_for(lambda: next(self._frames) and condition(), what)

    def drive(self, name: str, value: str | float) -> None:
        """Send like a message box `; name value`."""
        kind = "symbol" if isinstance(value, str) else "float"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(f"list {name} {kind} {value};\n".encode(), ("127.0.0.1", self._port))


def config(listen: str) -> Config:
    values = {"width": 64, "height": 64, "fps": 30.0, "audio": "demo", "sinks": ("null",)}
    return build_config(values | {"osc": OscConfig(listen=listen)})


@pytest.fixture
def open_bench(
    tmp_path: Path, free_port: Callable[[], int], wait_for: Callable[..., Any], require: Callable[..., None]
) -> Iterator[Callable[[Any], Bench]]:
    """`open_bench(engine)`: Pd with all values received from the engine; ends with the test."""
    require(shutil.which("pd"), "Pd (apt-get install puredata-core)")
    running: list[Bench] = []

    def start(engine: Any) -> Bench:
        running.append(Bench(engine, tmp_path, free_port, wait_for))
        running[0].wait(lambda: running[0].printed("prompt"), "every value to reach Pd")
        return running[0]

    yield start
    for bench in running:
        bench.process.terminate()
        bench.process.wait(timeout=120)


def test_pd_wraps_resets_taps_names_long_menus_and_sends_back_nothing(open_bench: Callable[[Any], Bench]) -> None:
    """That every control moves its parameter and shows it: tests/control/test_real_programs.py."""
    with open_engine(config("127.0.0.1:0")) as engine:
        bench = open_bench(engine)
        params = bench.engine.params
        bench.wait(lambda: bench.printed("source") == ["symbol kick"], "the value of a long menu")
        bench.drive("/mod/1/source", 2)
        bench.wait(lambda: params.get("/mod/1/source") == "peak", "another one")
        bench.drive("/layer/1/ratio", 0.25)
        bench.drive("/layer/1/angle", 999)
        bench.wait(lambda: params.get("/layer/1/angle") == -81.0, "an angle beyond the slider, wrapped")
        bench.drive("/master/panic", 1)
        bench.wait(lambda: params.get("/layer/1/ratio") == 0.5, "panic")
        bench.drive("/pad/2", 1)
        bench.wait(lambda: engine._parts.control_hub.preset_control.mixer.prepared == list(LOOKS)[1], "a tap on a pad")
        assert not engine._parts.control_hub.banks._pressed, "Pd's bang sends no release"
        expected = ["symbol kick", "symbol peak", "symbol kick"]
        bench.wait(lambda: bench.printed("source") == expected, "the names of a long menu")
        assert len(bench.printed("out")) == 5
        params.set("/sd/prompt", "a red, green; $1 sea")
        bench.wait(lambda: "red" in bench.printed("prompt")[-1], "the change of a text")
        notify = engine._parts.control_hub.dispatcher.feedback.notify
        notify("/sam3/objects", 2)
        notify("/sam3/object/1", 7, 1, 0.875, 0.25, 0.75, 0.125, 0.5)
        notify("/sam3/object/2", 8, 1, 0.5, 0.5, 0.5, 0.125, 0.5)
        bench.wait(lambda: bench.printed("cy"), "what SAM3 finds")
        found = {name: bench.printed(name) for name in ("objects", "id", "score", "cx", "cy")}
        assert found == {"objects": ["2"], "id": ["7"], "score": ["0.875"], "cx": ["0.25"], "cy": ["0.75"]}
        assert len(bench.printed("out")) == 5, "values from the engine do not come back"


def test_pd_reconnects_to_a_restarted_engine(open_bench: Callable[[Any], Bench], free_port: Callable[[], int]) -> None:
    there = f"127.0.0.1:{free_port()}"
    with open_engine(config(there)) as engine:
        bench = open_bench(engine)
    with open_engine(config(there)) as engine:
        bench.play(engine)
        engine.params.set("/layer/2/angle", 7.5)
        bench.wait(lambda: bench.printed("angle")[-1] == "set 7.5", "the new engine's values")
        bench.drive("/layer/1/angle", 30)
        bench.wait(lambda: engine.params.get("/layer/1/angle") == 30.0, "the new engine to be moved")
