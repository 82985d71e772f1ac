"""`multiverse bench isf`: shader slots, and with --live a shader dropped into a running engine and played over OSC."""

import json
from collections.abc import Callable

import pytest

from engine.bench import isf
from engine.bench.measuring import Progress
from engine.bench.options import IsfBench, Size
from engine.errors import MultiverseError, NoGLError
from tests.support.long_form import IS_SOAK

TURNS = 12 if IS_SOAK else 1
SMALL = Size(width=160, height=90)


@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="takes seconds: MULTIVERSE_SOAK=1")
def test_the_figures_of_shader_slots_are_complete(require: Callable[[object, str], None]) -> None:
    figures = json.loads(json.dumps(isf.run(IsfBench(size=SMALL, frames=2), Progress())))
    require("unavailable" not in figures, str(figures))
    assert {*isf.SHADERS, "without_ms", "four_effects_ms", "renderer"} <= figures.keys()
    for name in isf.SHADERS:
        assert figures[name]["picture_ms"] > 0 and figures[name]["slot_ms"] > 0
        assert figures[name]["tried_worst_frame_ms"] > 0


def test_a_dropped_shader_comes_into_the_picture_without_late_frames(require: Callable[[object, str], None]) -> None:
    """Late frames are compared with those without a shader in the long form only: other programs cause them, too."""
    try:
        found = isf.run(IsfBench(size=SMALL, live=TURNS, renderer="gl"), Progress())
    except NoGLError as error:
        require(False, str(error))
    assert found["arriving"]["frames"] > 0 and found["playing"]["frames"] == TURNS * 30
    assert found["found_s_worst"] <= found["shown_s_worst"]
    if IS_SOAK:
        late = {name: found[name]["late"] / found[name]["frames"] for name in ("quiet", "arriving")}
        assert late["arriving"] <= late["quiet"] + 0.01


def test_a_shader_that_is_refused_ends_the_measurement_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    monkeypatch.setattr(isf, "SHADERS", {"broken": "/*{}*/ void main() { gl_FragColor = nothing; }"})
    monkeypatch.setattr(isf, "SETTLING_S", 0.2)
    try:
        with pytest.raises(MultiverseError, match="broken_0"):
            isf.run(IsfBench(size=SMALL, live=1, renderer="gl"), Progress())
    except NoGLError as error:
        require(False, str(error))
