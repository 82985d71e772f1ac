"""Programs by other authors over real sockets: liblo's oscsend, and Pd without a window with our
patch."""

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
from osc_schema import ParamType
from osc_schema.generate.pd_patch import pd_patch

ANGLE = "/layer/1/angle"
PD = ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "bench.pd", "multiverse.pd"]
PRINTED = {
    "angle": "/layer/2/angle",
    "prompt": "/sd/prompt",
    "out": "multiverse-out",
    "source": "/mod/1/source/shown",
    "objects": "/sam3/objects",
    **{name: f"/sam3/object/1/{name}" for name in ("id", "score", "cx", "cy")},
}
"""What the bench patch prints beside a whole engine, by the label before it."""


@pytest.fixture
def liblo(require: Callable[..., None]) -> None:
    require(shutil.which("oscsend"), "liblo")


@pytest.mark.parametrize(
    ("types_and_values", "address", "value"),
    [
        (("f", "45.5"), ANGLE, 45.5),
        (("i", "45"), ANGLE, 45.0),
        (("d", "45.25"), ANGLE, 45.25),
        (("h", "5000000000"), "/multiverse/brightness", 4.0),
        (("T",), "/layer/1/mute", True),
        (("s", "simple"), "/mode", "simple"),
        (("S", "simple"), "/mode", "simple"),
        (("c", "1"), "/mode", "simple"),
        (("m", "00B0077F"), "/multiverse/brightness", 4.0),
        (("N",), "/master/panic", 1),
        (("I",), "/master/panic", 1),
    ],
)
@pytest.mark.parametrize("target", [("127.0.0.1", "{port}"), ("osc.tcp://127.0.0.1:{port}",)])
def test_oscsend_sets_values_with_every_type_it_knows(
    liblo: None,
    rig: Any,
    wait_for: Callable[..., Any],
    target: tuple[str, ...],
    types_and_values: tuple[str, ...],
    address: str,
    value: object,
) -> None:
    where = (part.format(port=rig.server.address[1]) for part in target)
    subprocess.run(["oscsend", *where, address, *types_and_values], check=True, timeout=120)
    wait_for(lambda: rig.store.get(address) == value, f"{address} {value}")
    assert rig.dispatcher.counters.malformed == 0


# -- Pd --------------------------------------------------------------------------------------------


def bench_patch(port: int, printed: dict[str, str]) -> str:
    """Passes `list NAME TYPE VALUE;` to the receive name NAME, and prints what some names receive
    after a label."""
    lines = [
        "#N canvas 0 0 500 300 10",
        f"#X obj 10 10 netreceive -u {port}",
        r"#X msg 10 40 \; \$1 \$2 \$3",
    ]
    for label, name in printed.items():
        lines += [f"#X obj 10 70 r {name}", f"#X obj 10 100 print {label}"]
    lines += [f"#X connect {2 * pair} 0 {2 * pair + 1} 0" for pair in range(len(printed) + 1)]
    return ";\n".join([*lines, ""])


class Bench:
    """Pd with the patch and a bench patch beside it, connected to an OSC server whose frames the
    test runs."""

    def __init__(
        self,
        address: tuple[str, int],
        printed: dict[str, str],
        folder: Path,
        free_port: Any,
        wait_for: Any,
    ) -> None:
        host, port = address
        self.frames: Iterator[Any] = iter(())
        self._wait_for, self._port = wait_for, free_port()
        self._output = folder / "output"
        (folder / "multiverse.pd").write_text(
            pd_patch(osc_schema.AREAS, host=host, port=port, listen_port=free_port()),
            encoding="utf-8",
        )
        (folder / "bench.pd").write_text(bench_patch(self._port, printed))
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(PD, cwd=folder, stdout=file, stderr=subprocess.STDOUT)

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        self._wait_for(lambda: next(self.frames) and condition(), what)

    def printed(self, label: str) -> list[str]:
        return [line.strip() for line in re.findall(rf"^{label}: (.*)$", self.text, re.MULTILINE)]

    @property
    def text(self) -> str:
        return self._output.read_text()

    def drive(self, name: str, value: str | float) -> None:
        """Send like a message box `; name value`."""
        kind = "symbol" if isinstance(value, str) else "float"
        text = str(value).replace(" ", r"\ ")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(f"list {name} {kind} {text};\n".encode(), ("127.0.0.1", self._port))


@pytest.fixture
def open_bench(
    tmp_path: Path,
    free_port: Callable[[], int],
    wait_for: Callable[..., Any],
    require: Callable[..., None],
) -> Iterator[Callable[..., Bench]]:
    """`open_bench(address, printed)`: Pd beside this OSC server; ends with the test."""
    require(shutil.which("pd"), "Pure Data")
    running: list[Bench] = []

    def start(address: tuple[str, int], printed: dict[str, str]) -> Bench:
        running.append(Bench(address, printed, tmp_path, free_port, wait_for))
        return running[-1]

    yield start
    for bench in running:
        bench.process.terminate()
        bench.process.wait(timeout=120)


def test_every_control_of_the_pd_patch_moves_its_parameter_and_shows_feedback(
    open_bench: Callable[..., Bench], rig: Any
) -> None:
    params = [param for param in osc_schema.PARAMS if param.type is not ParamType.TRIGGER]
    bench = open_bench(rig.server.address, {param.address: param.address for param in params})
    bench.frames = iter(rig.draw, None)

    def received(since: int = 0) -> dict[str, str]:
        lines = re.findall(r"^(/\S+): set (.*)\n", bench.text[since:], re.MULTILINE)
        return {address: text.replace("\\", "").strip() for address, text in lines}

    def other(param: osc_schema.Param) -> Any:
        if param.menu:
            return (param.menu.index(str(param.default)) + 1) % len(param.menu)
        if param.type in (ParamType.TEXT, ParamType.FILE):
            return "red dunes"
        if param.type is ParamType.BOOL:
            return int(not param.default)
        half, quarter = (
            osc_schema.accept(param, param.low + (param.high - param.low) / part).value
            for part in (2, 4)
        )
        return quarter if half == pytest.approx(param.default) else half

    def unlike(expected: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, Any, Any]]:
        def is_like(one: Any, two: Any) -> bool:
            texts = isinstance(one, str) or isinstance(two, str)
            return one == two if texts else one == pytest.approx(two, rel=1e-3, abs=1e-3)

        return [
            (name, one, found.get(name))
            for name, one in expected.items()
            if not is_like(one, found.get(name, ""))
        ]

    bench.wait(
        lambda: {param.address for param in params} <= received().keys(), "every value in Pd"
    )
    for trouble in ("couldn't create", "connection failed", "error"):
        assert trouble not in bench.text
    values = {param.address: osc_schema.accept(param, other(param)).value for param in params}
    for at in range(0, len(params), 50):  # a socket's buffer does not hold more
        some = params[at : at + 50]
        for param in some:
            bench.drive(param.address, other(param))
        targets = {param.address: values[param.address] for param in some}
        bench.wait(lambda: not unlike(targets, {a: rig.store.get(a) for a in targets}), "moves")
    assert rig.dispatcher.counters.rejected == rig.dispatcher.counters.unknown == 0

    before = len(bench.text)  # when it was opened, the patch showed its defaults
    answers = {}
    for param in params:
        rig.store.set(param.address, param.default)
        answers[param.address] = (
            param.menu.index(str(param.default)) if param.menu else param.default
        )

    def read() -> dict[str, Any]:
        numbers = {
            param.address for param in params if not isinstance(param.default, str) or param.menu
        }
        return {
            address: float(text) if address in numbers else text
            for address, text in received(before).items()
        }

    bench.wait(lambda: not unlike(answers, read()), "every default in Pd")


def config(listen: str) -> Config:
    values = {"width": 64, "height": 64, "fps": 30.0, "audio": "demo", "sinks": ("null",)}
    return build_config(values | {"osc": OscConfig(listen=listen)})


def played(open_bench: Callable[..., Bench], engine: Any) -> Bench:
    """Pd with all values received from this engine, whose frames the test runs."""
    bench = open_bench(engine.osc_address, PRINTED)
    bench.frames = engine.frames()
    bench.wait(lambda: bench.printed("prompt"), "every value to reach Pd")
    return bench


def test_pd_wraps_resets_taps_names_long_menus_and_sends_back_nothing(
    open_bench: Callable[..., Bench],
) -> None:
    with open_engine(config("127.0.0.1:0")) as engine:
        bench = played(open_bench, engine)
        params = engine.params
        bench.wait(lambda: bench.printed("source") == ["symbol kick"], "the value of a long menu")
        bench.drive("/mod/1/source", 2)
        bench.wait(lambda: params.get("/mod/1/source") == "peak", "another one")
        bench.drive("/layer/1/ratio", 0.25)
        bench.drive("/layer/1/angle", 999)
        bench.wait(
            lambda: params.get("/layer/1/angle") == -81.0, "an angle beyond the slider, wrapped"
        )
        bench.drive("/master/panic", 1)
        bench.wait(lambda: params.get("/layer/1/ratio") == 0.5, "panic")
        bench.drive("/pad/2", 1)
        bench.wait(
            lambda: engine._parts.control_hub.preset_control.mixer.prepared == list(LOOKS)[1],
            "a tap on a pad",
        )
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
        assert found == {
            "objects": ["2"],
            "id": ["7"],
            "score": ["0.875"],
            "cx": ["0.25"],
            "cy": ["0.75"],
        }
        assert len(bench.printed("out")) == 5, "values from the engine do not come back"


def test_pd_reconnects_to_a_restarted_engine(
    open_bench: Callable[..., Bench], free_port: Callable[[], int]
) -> None:
    there = f"127.0.0.1:{free_port()}"
    with open_engine(config(there)) as engine:
        bench = played(open_bench, engine)
    with open_engine(config(there)) as engine:
        bench.frames = engine.frames()
        engine.params.set("/layer/2/angle", 7.5)
        bench.wait(lambda: bench.printed("angle")[-1] == "set 7.5", "the new engine's values")
        bench.drive("/layer/1/angle", 30)
        bench.wait(
            lambda: engine.params.get("/layer/1/angle") == 30.0, "the new engine to be moved"
        )
