"""Tests a show with hostile shaders, fonts, logos and plug-ins, played by two controllers and
watched from outside."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

import osc_schema
from engine.osc.encode import encode_message
from engine.params.looks import LOOKS
from osc_schema import ParamType
from tests.control.dmx.test_fixture import ADDRESS, HOST, UNIVERSE, LightingDesk
from tests.live.test_plugins import install, with_packages
from tests.support import failing_plugins, windows_console
from tests.support.free_port import free_port
from tests.support.hostile_fonts import FAN_OUT, hostile_fonts, hostile_logos, write_hostile
from tests.support.hostile_shaders import KINDS, hostile_shader
from tests.support.long_form import IS_SOAK
from tests.support.reading_client import ReadingClient

WATCHER = Path(__file__).parent / "support/gap_watcher.py"
READER = Path(__file__).parents[1] / "engine/sinks/shared_reader.py"
SECONDS, FILE_EVERY_S = (600.0, 2) if IS_SOAK else (5.0, 1)
SIZE, FPS = ("960x540", "60") if IS_SOAK else ("160x90", "30")
MAX_GAP_S = 0.5 if IS_SOAK else 3.0  # other tests share the machine with the short form
RATE_HZ = 500.0
SLOTS = ("generator", "1", "2", "3", "4")
FILES = (
    18,
    16,
    21,
    8,
    20,
    *(number for number in range(KINDS) if number not in (18, 16, 21, 8, 20)),
)
"""Hostile shaders by their number, first those that the short form comes to: they pass the
trial."""
PROVOCATIONS: tuple[tuple[str, ...], ...] = (
    ("/text/2/font", FAN_OUT),
    ("/camera/open", "bad:text"),
    ("/sink/start", "raises"),
    ("/logo/file", "bomb.png"),
    ("/sink/start", "silent"),
    ("/sink/start", "blocks"),
    ("/sink/start", "hangs"),
    ("/sink/stop", "hangs"),
    ("/camera/open", "bad:raises"),
    *(("/text/2/font", name) for name in (hostile_fonts() if IS_SOAK else ()) if name != FAN_OUT),
    ("/camera/open", "bad:blocks"),
    *(("/logo/file", name) for name in (hostile_logos() if IS_SOAK else ()) if name != "bomb.png"),
    ("/sink/start", "leaves"),
    ("/camera/open", "bad:nan"),
)
LINES = (
    "bad text: AttributeError: 'str' object has no attribute",
    "raises: failing: ValueError: no laser",
    "silent: failing: its status is a str, not a SinkStatus",
    "bomb.png: the logo cannot be read",
    "blocks: failing: has not returned for 5 s",
    "bad raises: OSError: no cable",
    "/text/2/font: fan.ttf: not drawn in 5 s; choose another",
    "bad blocks: has not returned for 5 s",
    "leaves: failing: SystemExit: 3",
)
"""Words of the lines about them, first those of the short form."""
DESK_CHANNELS = ("Macro_1", "Macro_2", "Macro_3", "Hue", "Brightness", "Trail", "Zoom", "Rotation")
FADERS = [
    param
    for param in osc_schema.PARAMS
    if param.type is ParamType.FLOAT
    and param.area in ("layer", "multiverse", "feedback", "mirror", "colour", "post")
]


def test_hostile_files_and_plug_ins_in_a_played_show_leave_no_gap_between_pictures(
    tmp_path: Path,
) -> None:
    shaders, dmx_port = tmp_path / "isf", free_port()
    shaders.mkdir()
    write_hostile(tmp_path / "home")
    (tmp_path / "packages").mkdir()
    install(
        tmp_path / "packages",
        "failing",
        "from tests.support.failing_plugins import *\n",
        failing_plugins.POINTS,
    )
    (tmp_path / "show.toml").write_text(
        f"shaders = [{json.dumps(str(shaders))}]\n"
        f'[dmx]\nlisten = "sacn"\nfixture = "{UNIVERSE}.{ADDRESS}"\ninterface = '
        f'"{HOST}"\nsacn_port = {dmx_port}\n',
        encoding="utf-8",
    )
    options = (
        "--config",
        "show.toml",
        "--web",
        "off",
        "--eager",
        "any",
        "--set",
        "/eager/enable=on",
    )
    with (
        running_show(tmp_path, *options, *with_model(tmp_path)) as (process, client),
        watcher(tmp_path) as watching,
    ):
        write_files(shaders)  # while it plays
        lighting_desk = LightingDesk(dmx_port)
        chosen = play(client, lighting_desk, SECONDS)
        lighting_desk.close()
        client.send(encode_message("/sync", 7))
        wait_for_answer(client, "/synced")
        seen = end_watching(watching)
        press_ctrl_c(process)
        assert process.wait(120.0) == 0
    print(f"pictures: {seen['pictures']}, longest gaps: {seen['gaps']}")
    assert chosen == {*FILES, *PROVOCATIONS} or not IS_SOAK
    assert seen["pictures"] > 5 * SECONDS
    assert seen["gaps"][0][0] < MAX_GAP_S, seen
    log = (tmp_path / "log.txt").read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in log
    for line in LINES if IS_SOAK else LINES[:3]:
        assert line in log, line


def with_model(folder: Path) -> tuple[str, ...]:
    """Options that add a live model to the show; long form only: its libraries load as long as the
    short form."""
    if not IS_SOAK:
        return ()
    from tests.support.tiny_models import build_tiny_sd

    return "--sd", str(build_tiny_sd(folder / "sd"))


def play(client: ReadingClient, lighting_desk: LightingDesk, seconds: float) -> set[object]:
    """Send RATE_HZ messages per second: faders at random, a preset every three seconds, a hostile
    file or plug-in every FILE_EVERY_S, 25 packets of a lighting desk. Returns the numbers of the
    shaders, and the provocations."""
    chance = random.Random(1)
    files: list[int] = []
    others: list[tuple[str, ...]] = []
    started_s = time.perf_counter()
    number = 0
    while (now_s := time.perf_counter() - started_s) < seconds:
        if number % round(3 * RATE_HZ) == 0:
            client.send(
                encode_message(
                    "/preset/load", chance.choice(list(LOOKS)), chance.choice([0.0, 1.0, 4.0])
                )
            )
        elif (
            number % round(FILE_EVERY_S * RATE_HZ) == 1 and number > 2 * RATE_HZ
        ):  # they have been found by then
            files.append(FILES[len(files) % len(FILES)])
            client.send(encode_message(f"/fx/{chance.choice(SLOTS)}/file", f"hostile_{files[-1]}"))
        elif number % round(FILE_EVERY_S * RATE_HZ) == 3:
            others.append(PROVOCATIONS[len(others) % len(PROVOCATIONS)])
            client.send(encode_message("/text/2/text", f"word {number}"))
            client.send(encode_message(*others[-1]))
        elif number % 20 == 5:
            lighting_desk.send(**{name: chance.randrange(256) for name in DESK_CHANNELS})
        elif number % 50 == 2:
            client.send(encode_message(f"/fx/{chance.choice(SLOTS)}/1", chance.random()))
        else:
            param = chance.choice(FADERS)
            client.send(encode_message(param.address, chance.uniform(param.low, param.high)))
        number += 1
        time.sleep(max(0.0, number / RATE_HZ - now_s))
    return {*files, *others}


@contextmanager
def running_show(
    folder: Path, *more: str
) -> Iterator[tuple[subprocess.Popen[bytes], ReadingClient]]:
    environment = with_packages(folder / "packages") | {"MULTIVERSE_HOME": str(folder / "home")}
    if IS_SOAK:  # as at a user's: tests have one thread each
        environment = {
            name: value for name, value in environment.items() if not name.endswith("_NUM_THREADS")
        }
    arguments = "--audio demo --osc 127.0.0.1:0 --sink shared=hostile --size".split()
    log = folder / "log.txt"
    with open(log, "wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli.main", "run", *arguments, SIZE, "--fps", FPS, *more],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written,
            creationflags=getattr(subprocess, "CREATE_NEW_CONSOLE", 0),
        )  # fmt: skip
    client = None
    try:
        client = ReadingClient("127.0.0.1", osc_port(process, log))
        yield process, client
    finally:
        process.kill()
        process.wait()
        if client is not None:
            client.close()
        print(log.read_text(encoding="utf-8", errors="replace")[-20_000:])


def press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    if sys.platform != "win32":
        return process.send_signal(signal.SIGINT)
    windows_console.end(windows_console.CTRL_C, process).wait()


def osc_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the port in the line that reports where OSC listens, once the engine runs."""
    end_s = time.perf_counter() + 120.0
    while "\nrunning" not in (text := log.read_text(encoding="utf-8", errors="replace")):
        assert process.poll() is None and time.perf_counter() < end_s, text
        time.sleep(0.05)
    found = re.search(r"^osc .*?127\.0\.0\.1:(\d+)", text, re.MULTILINE)
    assert found is not None, text
    return int(found[1])


def wait_for_answer(client: ReadingClient, address: str) -> None:
    end_s = time.perf_counter() + 120.0
    while (message := client.receive(1.0)) is None or message.address != address:
        assert time.perf_counter() < end_s, f"no {address}"


@contextmanager
def watcher(folder: Path) -> Iterator[subprocess.Popen[str]]:
    (folder / "copied_reader.py").write_bytes(READER.read_bytes())
    process = subprocess.Popen(
        [sys.executable, "-I", str(WATCHER), str(folder), "hostile"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None and process.stdout.readline() == "watching\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def end_watching(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=120.0)
    result: dict[str, Any] = json.loads(out)
    return result


def write_files(folder: Path) -> None:
    for number in FILES:
        text = hostile_shader(number).encode("utf-8", "surrogatepass")
        (folder / f"hostile_{number}.fs").write_bytes(text)
    Image.new("RGB", (4096, 4096), (200, 30, 90)).save(folder / "large.png")
