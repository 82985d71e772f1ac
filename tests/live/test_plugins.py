"""A package with a live model, a sink and a source is installed, and the engine has them; broken
ones are left out."""

import inspect
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import osc_schema
from engine.cli import run as run_command
from engine.config import Config
from engine.errors import SharedMemoryError
from engine.ipc import FrameRing
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from osc_schema.live_models import NAMES, OUR_NAMES
from tests.support.cases import cases_of
from tests.support.free_port import free_port
from tests.support.reading_client import ReadingClient

ROOT = Path(__file__).parents[2]
HALF = np.array((180, 90, 200)) / 2  # what /plasma/gain 0.5 makes of the source
STEP = """
from engine.live.kit.live_model import LiveEntry
from osc_schema.declare import switch
from osc_schema.types import Area
ENABLE = switch("/{0}/enable", False, "On.")
AREA = Area(title="Breaks", description="Cannot start.", params=(ENABLE,))
ENTRY = LiveEntry(name="{0}", title="Breaks", no_model="none", not_offline="live", {1})
"""
OPENING = """
def open_it(entry, around):
    from engine.live.kit.repainting import RepaintingModel
    class Broken(RepaintingModel):
        def start(self, snapshot): {}
        def describe(self, snapshot): return {}
    return Broken(entry, around)
"""
BROKEN = {
    "breaks": "raise RuntimeError('no card\\nin this machine')",
    "leaves": "import sys\nsys.exit(3)",
    "wrong": "AREA = 'an area'",
    "refuses": STEP.format(
        "refuses", "opened_by='refuses:x', conditions=lambda table, has_camera: 1 / 0"
    ),
    "values": STEP.format("values", "opened_by='values:x', first_values=lambda table: 1 / 0"),
    "stops": STEP.format("stops", "opened_by='stops:open_it'")
    + "def open_it(entry, around): 1 / 0",
    "stalls": STEP.format("stalls", "opened_by='stalls:open_it'")
    + OPENING.format("1 / 0", "['stalls']"),
    "implies": STEP.format("implies", "opened_by='implies:x', implied=lambda given, file: 1 / 0"),
    "describes": STEP.format("describes", "opened_by='describes:open_it'")
    + OPENING.format("pass", "1 / 0"),
    "alone": STEP.format("alone", "opened_by='alone:open_it'")
    + OPENING.format("pass", "[]")
    .replace(
        "class Broken(RepaintingModel):", "class Broken:\n        name, close = 'alone', print"
    )
    .replace("Broken(entry, around)", "Broken()"),
    "half": STEP.format("half", "") + "del ENTRY",
    "osc": STEP.format("osc", ""),
    "layer": STEP.format("layer", "").replace(
        "params=(", "params=(switch('/layer/1/angle', False, 'Ours.'),"
    ),
    "Upper": STEP.format("Upper", ""),
    "shown": STEP.format("shown", "").replace("params=(", "pictures=('shown',), params=("),
    "blank": STEP.format("blank", "").replace(
        "params=(", "params=(switch('/blank/a b', False, 'Blank.'),"
    ),
    "tabled": STEP.format("tabled", "table=dict"),
    "needy": "from engine.live.kit.live_model import ModelTable\nclass Table(ModelTable):\n    "
    "key: str\n" + STEP.format("needy", "table=Table"),
}
"""Modules by name. "refuses" to "describes" break in one step of the start each; those below are no
live models."""
OUTPUTS = """
from osc_schema.types import SinkKind
PACKAGES = (("no_such.module", "pip install it"),)
FAR = SinkKind(help_name="an output", argument="name", packages=PACKAGES)
"""


def install(folder: Path, name: str, text: str, points: dict[str, dict[str, str]]) -> None:
    """Put a module and its entry points, by group, into a folder on Python's path, as an installed
    package."""
    (folder / f"{name}.py").write_text(text)
    information = folder / f"multiverse_{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: multiverse-{name}\nVersion: 1.0\n"
    )
    lines = [
        line
        for group, of in points.items()
        for line in (f"[{group}]", *(f"{k} = {v}" for k, v in of.items()))
    ]
    (information / "entry_points.txt").write_text("\n".join(lines))


def with_packages(folder: Path) -> dict[str, str]:
    """The environment of a program that has the plug-ins in this folder."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "MULTIVERSE_PLUGINS": "on",
    }


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a program with the package and broken ones installed into a folder on Python's
    path."""
    packages = tmp_path_factory.mktemp("packages")
    options = "-q --no-deps --no-build-isolation --no-index --target"
    pip = f"{sys.executable} -m pip install {options}".split()
    subprocess.run([*pip, str(packages), str(ROOT / "tests" / "live" / "plugin")], check=True)
    for name, text in BROKEN.items():
        points = {
            "multiverse.models": {name: f"{name}:ENTRY"},
            "multiverse.parameters": {name: f"{name}:AREA"},
        }
        install(packages, name, text, points)
    install(
        packages,
        "outputs",
        OUTPUTS,
        {"multiverse.sinks": {"far": "outputs:FAR", "my laser": "outputs:FAR"}},
    )
    install(packages, "inputs", "", {"multiverse.sources": {"shared": "inputs:Near"}})
    return with_packages(packages)


class Run:
    """A `multiverse run` with the package, and a client that plays it."""

    def __init__(self, environment: dict[str, str], folder: Path, name: str) -> None:
        osc, self.web = free_port(), free_port()
        options = (
            f"--audio demo --renderer numba --size 128x72 --fps 30 --osc 127.0.0.1:{osc} --web "
            f"127.0.0.1:{self.web} "
            f"--camera plain:#b45ac8 --sink laser=stage --sink plasma:shared={name} --sink "
            f"shared={name}-main "
            "--plasma any --alone any --refuses any --values any --stops any --stalls any "
            "--implies any "
            "--describes any "
            "--set /mode=simple --set /safety/flash_guard=off --set /stops/enable=off"
        )
        command = [sys.executable, "-m", "engine.cli.main", "run", *options.split()]
        self.process = subprocess.Popen(
            command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True
        )
        self.output: list[str] = []
        self._reader = threading.Thread(
            target=lambda: self.output.extend(self.process.stderr or ())
        )
        self._reader.start()
        self.client = ReadingClient("127.0.0.1", osc)

    def ask(self, address: str, *arguments: object, ceiling_s: float = 5.0) -> list[Message]:
        """The answers up to its own /done or /fail; nothing while the engine is starting."""
        try:
            self.client.send(encode_message(address, *arguments))
            answers: list[Message] = []
            while (message := self.client.receive(timeout_s=ceiling_s)) is not None:
                answers.append(message)
                if message.address in ("/done", "/fail") and message.args[0] == address:
                    return answers
        except Exception as error:
            assert self.process.poll() is None, "".join(self.output) + str(error)
        return []

    def answer(self, address: str) -> Message:
        """The /done or /fail of an engine that has started, however busy it is."""
        return self.ask(address, ceiling_s=120.0)[-1]

    def status(self) -> dict[str, Any]:
        return {message.address: message.args for message in self.ask("/engine/status")}

    def tree(self) -> dict[str, Any]:
        """The OSCQuery tree as JSON, which the page reads."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/", timeout=60.0) as page:
            contents: dict[str, Any] = json.load(page)["CONTENTS"]
        return contents

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(120.0)
        self._reader.join(60.0)


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Iterator[Run]:
    run = Run(environment, tmp_path, f"plug {os.getpid()}".replace(" ", "-"))
    yield run
    run.close()


@pytest.mark.only_on(
    "linux", "darwin", reason="a UDP socket of Wine hears nothing after it met a closed port"
)
def test_an_installed_package_is_part_of_the_engine(run: Run, wait_for: Callable[..., Any]) -> None:
    wait_for(lambda: run.status(), "the engine", ceiling_s=180.0)
    state = "/engine/status/child/plasma/state"
    wait_for(
        lambda: run.status().get(state, ("",))[0] in ("ready", "busy"), "the model", ceiling_s=180.0
    )
    assert any("sink/laser" in address for address in run.status()), "the sink is in the status"

    def picture(added: str = "") -> np.ndarray | None:
        try:
            reader = FrameRing.open(f"plug-{os.getpid()}{added}")
        except SharedMemoryError:
            return None
        frame = reader.latest()
        reader.close()
        return None if frame is None else frame.pixels[..., :3].reshape(-1, 3).mean(axis=0)

    wait_for(
        lambda: (seen := picture()) is not None and np.abs(seen - HALF).max() < 3,
        "its picture",
        ceiling_s=120.0,
    )
    run.client.send(encode_message("/plasma/gain", 0.0))
    wait_for(
        lambda: (seen := picture()) is not None and seen.max() < 3, "its parameter", ceiling_s=120.0
    )
    wait_for(lambda: (seen := picture("-main")) is not None and seen.max() < 8, "layer 5")
    assert run.answer("/child/plasma/restart").address == "/done"

    tree = run.tree()
    assert tree["plasma"]["CONTENTS"]["gain"]["RANGE"] == [{"MIN": 0.0, "MAX": 1.0}]
    assert "plasma" in tree["layer"]["CONTENTS"]["5"]["CONTENTS"]["source"]["RANGE"][0]["VALS"]
    assert "enable" in tree["sink"]["CONTENTS"]["laser"]["CONTENTS"]
    assert tree["layer"]["CONTENTS"]["1"]["CONTENTS"]["angle"]["TYPE"] == "f"
    broken = ("half", "stops")  # could not be loaded; could not be opened while its switch was off
    for start in (f"/child/{name}/start" for name in broken):
        assert run.answer(start).args == (start, "the model has failed at the start of this run")
    for name in broken:
        run.client.send(encode_message(f"/{name}/enable", 1))
        run.answer("/engine/status")  # then the switch has been refused
    switches = {
        name: of["CONTENTS"].get("enable")
        for name, of in run.tree().items()
        if name in ("plasma", *BROKEN)
    }
    enabled = {name for name, switch in switches.items() if switch and switch["VALUE"][0]}
    assert enabled == {"plasma", "describes"}, (
        "those that could not be started read off, also when they are enabled"
    )

    run.close()
    output = "".join(run.output)
    for reason in cases_of(__file__)["reasons"]:
        assert output.count(reason) == 1, output
    assert "Traceback" not in output


def test_names_that_the_engine_uses_are_no_names_of_live_models() -> None:
    areas = {param.area for param in osc_schema.PARAMS} | {
        one.address.split("/")[1] for one in osc_schema.COMMANDS
    }
    options = {name.rstrip("_") for name in inspect.signature(run_command.run).parameters}
    options = {name for name in options if name.split("_")[0] not in NAMES}
    others = {"help", "beat"}  # /beat has messages alone
    assert (areas - set(NAMES)) | set(
        Config.__struct_encode_fields__
    ) | options | others == OUR_NAMES


def test_its_parameters_are_in_the_lists_of_the_schema(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "engine.cli.main", "schema"]
    done = subprocess.run(
        [*command, "markdown"], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert "/plasma/gain" in done.stdout and "/sink/laser/enable" in done.stdout, done.stderr


def test_its_parameters_are_not_in_the_files_of_the_checkout(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "engine.cli.main",
        "schema",
        "write",
        "--folder",
        str(tmp_path),
    ]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    addresses = "osc_schema/generated/ADDRESSES.md"
    assert (tmp_path / addresses).read_bytes() == (ROOT / addresses).read_bytes()
