"""Shader files are tried in a process of their own: what it reports, and that nothing stops it for
long."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engine.render.isf.trial import MIN_BUDGET
from engine.render.isf.vetter import VetProcess, VetResult, Vetter
from tests.support.hostile_shaders import hostile_shader, slow_to_compile
from tests.support.long_form import IS_SOAK
from tests.support.needed import needs

pytestmark = needs("OpenGL")

SIZE_PX = (96, 54)
STRIPES = """/*{"INPUTS": [
    {"NAME": "count", "TYPE": "float", "DEFAULT": 4.0, "MAX": 9.0}, {"NAME": "on", "TYPE": "bool"}
]}*/
void main() { gl_FragColor = vec4(vec3(isf_FragNormCoord.y > 0.5 ? fract(isf_FragNormCoord.x * count) : 0.0), 1.0); }"""


@pytest.fixture(scope="module")
def process() -> Iterator[VetProcess]:
    process = VetProcess(deadline_s=30.0)
    yield process
    process.kill()


@pytest.fixture
def vet(process: VetProcess, require: Callable[[object, str], None]) -> Callable[..., VetResult]:
    def run(text: str, size_px: tuple[int, int] = SIZE_PX, **how: Any) -> VetResult:
        result = process.vet(text, path=None, size_px=size_px, **how)
        require("OpenGL" not in result.reason, "OpenGL")
        return result

    return run


def test_a_good_file_comes_back_with_its_inputs_time_and_thumbnail(
    vet: Callable[..., VetResult],
) -> None:
    result = vet(STRIPES)
    assert result.ok and result.reason == result.note == ""
    assert [(each.name, each.type) for each in result.inputs] == [
        ("count", "float"),
        ("on", "bool"),
    ]
    assert result.draw_ms is not None
    assert result.draw_ms > 0 or sys.platform == "win32", (
        "which counts processor time in steps of 15.6 ms"
    )
    assert result.thumbnail is not None and result.thumbnail.shape == (54, 96, 3)
    # the upper half has the stripes
    assert result.thumbnail[:27].max() > 200 and result.thumbnail[28:].max() == 0


def test_a_file_that_does_not_compile_or_end_names_its_line_and_reason(
    vet: Callable[..., VetResult],
) -> None:
    result = vet("/*{}*/\nvoid main() {\n  gl_FragColor = vec4(1.0) + nothing;\n}")
    assert not result.ok and result.line == 3 and "nothing" in result.reason and result.file is None
    result = vet(
        "/*{}*/ void main() { float c = 0.0; while (true) { c += TIME; } gl_FragColor = vec4(c); }"
    )
    assert not result.ok and "endless" in result.reason


def test_a_file_that_draws_nothing_or_forgot_its_alpha_is_played_with_a_remark(vet: Any) -> None:
    for colour, note in [
        ("vec4(0.0)", "draws only black"),
        ("vec4(0.2, 0.3, 0.4, 1.0)", "draws only one colour"),
    ]:
        result = vet(f"/*{{}}*/ void main() {{ gl_FragColor = {colour}; }}")
        assert result.ok and note in result.note, colour
    result = vet("/*{}*/ void main() { gl_FragColor = vec4(isf_FragNormCoord, 0.0, 0.0); }")
    assert result.ok and result.note == "" and result.file is not None and result.file.is_opaque


def test_a_slider_cannot_make_a_loop_much_longer_than_it_was_tried(vet: Any) -> None:
    """A slider that goes past every limit is held to what the defaults need, or to a small
    budget."""
    for highest, needed in [(2000, 2000), (10**9, 10)]:
        header = (
            f'/*{{"INPUTS": [{{"NAME": "n", "TYPE": "float", "DEFAULT": 10, "MAX": {highest}}}]}}*/'
        )
        body = "float c = 0.0; for (float i = 0.0; i < n; i += 1.0) { c += 0.001; }"
        result = vet(
            f"{header} void main() {{ {body} gl_FragColor = vec4(c, isf_FragNormCoord, 1.0); }}"
        )
        assert result.file is not None, highest
        units = int(result.file.texts.fragment.split("isf_go(")[2].split(")")[0])  # of a round
        assert needed * units <= result.file.budget <= max(MIN_BUDGET, 4.1 * needed * units), (
            highest
        )


def test_a_process_that_hangs_is_killed_and_the_next_file_is_tried(
    process: VetProcess, vet: Any
) -> None:
    assert vet(STRIPES).ok
    first, process.deadline_s = process.pid, 0.5
    hanging = vet(slow_to_compile(), wall_deadlines=math.inf)
    process.deadline_s = 30.0
    assert (
        not hanging.ok
        and "more than 0.5 s of processor time" in hanging.reason
        and not hanging.is_late
    )
    assert first is not None and not psutil.pid_exists(first)
    waiting = vet(STRIPES, wall_deadlines=0.0)
    assert waiting.is_late and "busy" in waiting.reason, (
        "a machine without time for it says nothing about a shader"
    )
    assert vet(STRIPES).ok and process.pid != first


def test_closing_in_the_middle_of_a_trial_is_silent(
    wait_for: Callable[..., Any], reports: Any
) -> None:
    vetter = Vetter(reports, deadline_s=30.0)
    vetter.warm()
    wait_for(lambda: vetter._process.pid, "the process")
    vetter.submit(slow_to_compile(), path=None, size_px=SIZE_PX)
    wait_for(lambda: not vetter._requests, "the trial")
    vetter.close()
    assert reports.lines == [] and vetter._process.pid is None


def test_a_process_that_rests_starts_again_with_the_next_file(
    wait_for: Callable[..., Any], reports: Any
) -> None:
    vetter = Vetter(reports, deadline_s=30.0)
    try:
        vetter.warm()
        wait_for(lambda: vetter._process.pid, "the process")
        vetter.rest()
        wait_for(lambda: vetter._process.pid is None, "its end")
        vetter.submit(STRIPES, path=None, size_px=SIZE_PX)
        assert wait_for(vetter.poll, "the result").ok
    finally:
        vetter.close()


def test_a_process_that_is_killed_once_costs_no_file(
    process: VetProcess, vet: Any, monkeypatch: Any
) -> None:
    receive, kills = process.receive, ["first"]

    def receive_from_killed() -> dict[str, Any]:
        if kills:
            psutil.Process(process.pid).kill()
            raise EOFError(kills.pop())  # it may have answered before
        return receive()

    monkeypatch.setattr(process, "receive", receive_from_killed)
    assert vet(STRIPES).ok
    kills += ["second", "third"]
    twice = vet(STRIPES)
    assert not twice.ok and "it ended the trial process (" in twice.reason
    assert vet(STRIPES).ok


@pytest.mark.parametrize(
    "number", range(1000) if IS_SOAK else (0, 1, 2, 3, 5, 7, 9, 10, 11, 12, 14, 15, 17)
)
def test_a_hostile_file_gets_one_clear_reason(vet: Callable[..., VetResult], number: int) -> None:
    result = vet(hostile_shader(number))
    assert result.ok or result.reason
    assert "\n" not in result.reason and len(result.reason) < 500


def test_the_queue_answers_each_ticket_and_drops_older_texts(
    wait_for: Any, reports: Any, tmp_path: Path
) -> None:
    vetter = Vetter(reports, deadline_s=30.0)
    try:
        other = vetter.submit(STRIPES, path=None, size_px=SIZE_PX)
        saves = [
            vetter.submit(STRIPES + " " * n, path=tmp_path / "a.fs", size_px=SIZE_PX)
            for n in range(5)
        ]
        results: list[VetResult] = []

        def collect() -> bool:
            while (result := vetter.poll()) is not None:
                results.append(result)
            return bool(results) and results[-1].ticket == saves[-1]

        wait_for(collect, "the last save's result")
        assert results[0].ticket == other and [each.ticket for each in results[1:]] in (
            saves[-1:],
            [saves[0], saves[-1]],
        )
        assert all(each.ok for each in results) and isinstance(results[0].thumbnail, np.ndarray)
    finally:
        vetter.close()
    assert reports.lines == []


def test_the_engine_loads_nothing_that_could_read_a_shader_s_text() -> None:
    """Header, images and translation are the business of the vetting process."""
    code = (
        "import sys, engine.app, engine.render.gl_renderer, engine.render.gl_shaders\n"
        "print(*sorted(name.rpartition('.')[2] for name in sys.modules if "
        "name.startswith('engine.render.isf.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(done.stdout.split())
    assert {"vetter", "vet_record", "program"} <= loaded
    assert not loaded & {"parse", "preprocess", "structure", "loops", "translate", "trial"}


def test_imported_images_reach_the_engine_as_pixels(process: VetProcess, tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.resize(np.arange(251, dtype=np.uint8), (401, 307, 3))  # several lines of the pipe
    Image.fromarray(pixels).save(tmp_path / "map.png")
    text = """/*{"IMPORTED": {"a": {"PATH": "map.png"}, "b": {"PATH": "./map.png"}}}*/
    void main() { gl_FragColor = IMG_THIS_PIXEL(a) + IMG_THIS_PIXEL(b); }"""
    result = process.vet(text, path=tmp_path / "With Images.fs", size_px=SIZE_PX)
    assert result.ok and result.file is not None and result.file.title == "With Images"
    first, second = result.file.imports
    assert first.pixels is second.pixels and np.array_equal(first.pixels[..., :3], pixels)
