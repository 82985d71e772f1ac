"""A show with ten hostile shaders in its folder, played hard, watched by another process."""

import io
import json
import os
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
from engine.osc import encode_message
from engine.params.looks import LOOKS
from osc_schema import ParamType
from tests.support.long_form import IS_SOAK
from tests.support.reading_client import ReadingClient

WATCHER = Path(__file__).parent / "support/gap_watcher.py"
READER = Path(__file__).parents[1] / "engine/sinks/shared_reader.py"
SECONDS, FILE_EVERY_S = (600.0, 2) if IS_SOAK else (7.0, 1)
SIZE = "960x540" if IS_SOAK else "160x90"
MAX_GAP_S = 0.5 if IS_SOAK else 3.0  # other tests share the machine with the short form
RATE_HZ = 500.0
SLOTS = ("generator", "1", "2", "3", "4")
FADERS = [
    param
    for param in osc_schema.PARAMS
    if param.type is ParamType.FLOAT and param.area in ("layer", "multiverse", "feedback", "mirror", "colour", "post")
]


def test_ten_hostile_shaders_in_a_played_show_leave_no_gap_between_pictures(tmp_path: Path) -> None:
    shaders = tmp_path / "isf"
    shaders.mkdir()
    (tmp_path / "show.toml").write_text(f"shaders = [{json.dumps(str(shaders))}]\n", encoding="utf-8")
    with running_show(tmp_path, *with_model(tmp_path)) as (process, client), watcher(tmp_path) as watching:
        write_files(shaders)  # while it plays
        chosen = play(client, SECONDS)
        client.send(encode_message("/sync", 7))
        wait_for_answer(client, "/synced")
        seen = end_watching(watching)
        process.send_signal(signal.SIGINT)
        assert process.wait(120.0) == 0
    print(f"pictures: {seen['pictures']}, longest gaps: {seen['gaps']}")
    assert set(chosen) == set(FILES) or not IS_SOAK
    assert seen["pictures"] > 5 * SECONDS
    assert seen["gaps"][0][0] < MAX_GAP_S, seen


def with_model(folder: Path) -> tuple[str, ...]:
    """In the long form pictures of a model share the show; its libraries take as long to load as the short form."""
    if not IS_SOAK:
        return ()
    from tests.support.tiny_models import build_tiny_sd

    return "--sd", str(build_tiny_sd(folder / "sd"))


def play(client: ReadingClient, seconds: float) -> list[str]:
    """500 messages a second: faders at random, a preset every three seconds, a hostile file every FILE_EVERY_S."""
    chance = random.Random(1)
    chosen: list[str] = []
    started_s = time.perf_counter()
    number = 0
    while (now_s := time.perf_counter() - started_s) < seconds:
        if number % round(3 * RATE_HZ) == 0:
            client.send(encode_message("/preset/load", chance.choice(list(LOOKS)), chance.choice([0.0, 1.0, 4.0])))
        elif number % round(FILE_EVERY_S * RATE_HZ) == 1 and number > 2 * RATE_HZ:  # they have been found by then
            chosen.append(chance.choice(list(FILES)))
            client.send(encode_message(f"/fx/{chance.choice(SLOTS)}/file", chosen[-1]))
        elif number % 50 == 2:
            client.send(encode_message(f"/fx/{chance.choice(SLOTS)}/1", chance.random()))
        else:
            param = chance.choice(FADERS)
            client.send(encode_message(param.address, chance.uniform(param.low, param.high)))
        number += 1
        time.sleep(max(0.0, number / RATE_HZ - now_s))
    return chosen


@contextmanager
def running_show(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], ReadingClient]]:
    environment = os.environ | {"MULTIVERSE_HOME": str(folder / "home")}
    arguments = "--config show.toml --audio demo --osc 127.0.0.1:0 --web off --sink shared=hostile --size".split()
    log = folder / "log.txt"
    with open(log, "wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli.main", "run", *arguments, SIZE, *more],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written,
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


def osc_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port in the line that tells where OSC listens, once the engine runs."""
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


# -- ten shader files that look like a stranger's and each try to stop the picture, in a different way. Most wait until
# they play: what a trial of a few pictures at TIME 0 to 2.5 sees of them is harmless.

LATE = "TIME > 8.0 || FRAMEINDEX > 240"

_BODY = "gl_FragColor = vec4(fract(c), isf_FragNormCoord, 1.0);"


def _file(code: str, **header: object) -> str:
    return f"/*{json.dumps({'ISFVSN': '2', **header})}*/\n{code}\n"


def _main(body: str) -> str:
    return f"void main() {{ float c = isf_FragNormCoord.x; {body} {_BODY} }}"


def _redefined_guard() -> str:
    """The names of a loop guard, switched off; the loop itself is behind a macro."""
    macros = "#define isf_go() true\n#define isf_steps c\n#define AGAIN(x) while (x)\n"
    return _file(
        macros + _main(f"if ({LATE}) {{ AGAIN(true) {{ c += 0.001; isf_steps = 0.0; if (c < -1.0) break; }} }}")
    )


def _calls_that_multiply() -> str:
    """Constant loops of 1000 in functions that call each other."""
    inner = "float f0(float x) { for (int i = 0; i < 1000; i++) x = sin(x + 0.1); return x; }\n"
    outer = "".join(
        f"float f{n}(float x) {{ for (int i = 0; i < 1000; i++) x += f{n - 1}(x); return x; }}\n" for n in (1, 2, 3)
    )
    return _file(inner + outer + _main(f"if ({LATE}) c = f3(c);"))


def _pasted_and_continued() -> str:
    """`while` pasted from two halves, and one that a line continuation cuts."""
    code = "#define GLUE(a, b) a ## b\n"
    pasted = "GLUE(whi, le) (c < 1e9) { c = fract(c + 0.01); }"
    continued = "whi\\\nle (c > -1.0) { c = fract(c + 0.01); }"
    return _file(code + _main(f"if ({LATE}) {{ if (c < 0.5) {{ {pasted} }} {continued} }}"))


def _doubling_calls() -> str:
    """No loop: each function calls the one before twice, 2^26 sines."""
    code = "float d0(float x) { return sin(x) + TIME * 1e-6; }\n"
    code += "".join(f"float d{n}(float x) {{ return d{n - 1}(x) + d{n - 1}(x + 0.1); }}\n" for n in range(1, 27))
    return _file(code + _main(f"if ({LATE}) c = d26(c);"))


def _many_heavy_passes() -> str:
    """32 passes of the picture's size, each with what one pass may just do."""
    passes = [{"TARGET": f"p{n}", "FLOAT": True, "PERSISTENT": True} for n in range(31)]
    body = "for (int i = 0; i < 1000; i++) c += IMG_NORM_PIXEL(p0, vec2(fract(c), fract(c * 7.0 + float(i) * 0.01))).r;"
    return _file(_main(f"if (DATE.w > 0.0 && ({LATE})) {{ {body} }}"), PASSES=[*passes, {}])


def _slider() -> str:
    """Harmless until a hand moves a slider, and in steps too small to ever arrive."""
    inputs = [{"NAME": "n", "TYPE": "float", "MIN": 1.0, "MAX": 1e9, "DEFAULT": 1.0}]
    return _file(_main("for (float i = 0.0; i < n; i += 1e-4 + 1.0 / n) { c = fract(c + 0.618); }"), INPUTS=inputs)


def _memory_of_the_last_picture() -> str:
    """The number of rounds is read from the picture before, which grows."""
    body = (
        "float n = IMG_NORM_PIXEL(memory, vec2(0.5)).r; int rounds = int(n * n * n);"
        "do { c = fract(c + 0.1); rounds--; } while (rounds > 0);"
        "if (PASSINDEX == 0) { gl_FragColor = vec4(n * 1.02 + 1.0); return; }"
    )
    return _file(_main(body), PASSES=[{"TARGET": "memory", "FLOAT": True, "PERSISTENT": True}, {}])


def _changed_counter() -> str:
    """A short loop whose counter a function sets back, and one with NaN in its condition."""
    code = f"void back(inout int i) {{ if ({LATE}) i = 0; }}\n"
    body = (
        "for (int i = 0; i < 8; i++) { c += 0.1; back(i); }"
        "float nan = TIME > 8.0 ? 0.0 / (TIME - TIME) : 1.0;"
        "for (float x = 0.0; !(x > nan); x += 1.0) c = fract(c + x);"
    )
    return _file(code + _main(body))


def _quotes() -> str:
    """250 kB of escaped quotes where the header should be."""
    return '/*{"DESCRIPTION": ' + '"\\' * 125_000 + "*/ void main() {}"


def _images() -> str:
    """One PNG of 4096 x 4096 named sixteen times, and sixteen names for it."""
    imported = {f"i{n}": {"PATH": "large.png" if n % 2 else f"./././{'./' * n}large.png"} for n in range(16)}
    return _file(_main("c += IMG_NORM_PIXEL(i0, vec2(c)).r;"), IMPORTED=imported)


FILES = {
    "Redefined": _redefined_guard,
    "Multiplied": _calls_that_multiply,
    "Pasted": _pasted_and_continued,
    "Doubling": _doubling_calls,
    "Passes": _many_heavy_passes,
    "Slider": _slider,
    "Memory": _memory_of_the_last_picture,
    "Counter": _changed_counter,
    "Quotes": _quotes,
    "Images": _images,
}


def write_files(folder: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4096, 4096), (200, 30, 90)).save(stream, "PNG")
    (folder / "large.png").write_bytes(stream.getvalue())
    for name, text in FILES.items():
        (folder / f"{name}.fs").write_text(text(), encoding="utf-8")
