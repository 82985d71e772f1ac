"""Programs by other authors: liblo's oscsend and oscdump, and Pd, over real sockets."""

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from osc_schema import ParamType
from osc_schema.generate import pd_patch

ANGLE = "/layer/1/angle"


@pytest.fixture
def liblo(require: Callable[..., None]) -> None:
    require(shutil.which("oscsend") and shutil.which("oscdump"), "liblo-tools (apt-get install liblo-tools)")


@pytest.fixture
def pd(require: Callable[..., None]) -> list[str]:
    require(shutil.which("pd"), "Pd (apt-get install puredata-core)")
    return ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[list[str]], Path]]:
    """`start(command)` runs a program until the end of the test; returns the file its output goes to."""
    running: list[subprocess.Popen] = []

    def launch(command: list[str]) -> Path:
        output = tmp_path / f"output{len(running)}"
        with output.open("wb") as file:
            running.append(subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT))
        return output

    yield launch
    for process in running:
        process.terminate()
        process.wait(timeout=120)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


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
    run("oscsend", *where, address, *types_and_values)
    wait_for(lambda: rig.store.get(address) == value, f"{address} {value}")
    assert rig.dispatcher.counters.malformed == 0


def bench(port: int, addresses: list[str]) -> str:
    """A patch that handles `list NAME TYPE VALUE;` like a message box `; NAME VALUE`, and prints its output."""
    lines = ["#N canvas 0 0 500 300 10", f"#X obj 10 10 netreceive -u {port}", r"#X msg 10 40 \; \$1 \$2 \$3"]
    cords = ["#X connect 0 0 1 0"]
    for at, address in enumerate(addresses):
        lines += [f"#X obj 10 70 r {address}", f"#X obj 10 100 print {address}"]
        cords.append(f"#X connect {2 * at + 2} 0 {2 * at + 3} 0")
    return "".join(f"{line};\n" for line in lines + cords)


def test_every_control_of_the_pd_patch_moves_its_parameter_and_shows_feedback(
    pd: list[str],
    rig: Any,
    start: Callable[..., Path],
    tmp_path: Path,
    free_port: Callable[[], int],
    wait_for: Callable[..., Any],
) -> None:
    params = [param for param in osc_schema.PARAMS if param.type is not ParamType.TRIGGER]
    host, port = rig.server.address
    patch = pd_patch(osc_schema.AREAS, host=host, port=port, listen_port=free_port())
    (tmp_path / "multiverse.pd").write_text(patch, encoding="utf-8")
    drive = free_port()
    (tmp_path / "bench.pd").write_text(bench(drive, [param.address for param in params]))
    output = start([*pd, str(tmp_path / "bench.pd"), str(tmp_path / "multiverse.pd")])

    def received(since: int = 0) -> dict[str, str]:
        lines = re.findall(r"^(/\S+): set (.*)\n", output.read_text()[since:], re.MULTILINE)
        return {address: text.replace("\\", "").strip() for address, text in lines}

    def other(param: osc_schema.Param) -> Any:
        if param.menu:
            return (param.menu.index(str(param.default)) + 1) % len(param.menu)
        if param.type in (ParamType.TEXT, ParamType.FILE):
            return "red dunes"
        if param.type is ParamType.BOOL:
            return int(not param.default)
        half, quarter = (osc_schema.accept(param, param.low + (param.high - param.low) / part).value for part in (2, 4))
        return quarter if half == pytest.approx(param.default) else half

    def unlike(expected: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, Any, Any]]:
        def is_like(one: Any, two: Any) -> bool:
            texts = isinstance(one, str) or isinstance(two, str)
            return one == two if texts else one == pytest.approx(two, rel=1e-3, abs=1e-3)

        return [(name, one, found.get(name)) for name, one in expected.items() if not is_like(one, found.get(name, ""))]

    wait_for(lambda: rig.draw() and {param.address for param in params} <= received().keys(), "every value in Pd")
    for trouble in ("couldn't create", "connection failed", "error"):
        assert trouble not in output.read_text()
    values = {param.address: osc_schema.accept(param, other(param)).value for param in params}
    for at in range(0, len(params), 50):  # a socket's buffer does not hold more
        some = params[at : at + 50]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for param in some:
                kind = "symbol" if param.type in (ParamType.TEXT, ParamType.FILE) else "float"
                value = str(other(param)).replace(" ", r"\ ")
                udp.sendto(f"list {param.address} {kind} {value};\n".encode(), ("127.0.0.1", drive))
        targets = {param.address: values[param.address] for param in some}
        wait_for(lambda: rig.draw() and not unlike(targets, {a: rig.store.get(a) for a in targets}), "moves")  # noqa: B023
    assert rig.dispatcher.counters.rejected == rig.dispatcher.counters.unknown == 0

    before = len(output.read_text())  # when it was opened, the patch showed its defaults
    answers = {}
    for param in params:
        rig.store.set(param.address, param.default)
        answers[param.address] = param.menu.index(str(param.default)) if param.menu else param.default

    def read() -> dict[str, Any]:
        numbers = {param.address for param in params if not isinstance(param.default, str) or param.menu}
        return {address: float(text) if address in numbers else text for address, text in received(before).items()}

    wait_for(lambda: rig.draw() and not unlike(answers, read()), "every default in Pd")
