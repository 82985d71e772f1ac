"""A shader dropped into the folder of a running engine and played over OSC: `multiverse bench isf --live`."""

from collections.abc import Callable

import pytest

from engine.bench import isf_live
from engine.bench.isf_live import run
from engine.bench.progress import Progress
from engine.errors import MultiverseError, NoGLError
from tests.support.long_form import IS_SOAK

TURNS = 12 if IS_SOAK else 1


def test_a_dropped_shader_comes_into_the_picture_without_late_frames(require: Callable[[object, str], None]) -> None:
    """Late frames are compared with those without a shader in the long form only: other programs cause them, too."""
    try:
        told = run(160, 90, 30.0, TURNS, "gl", Progress())
    except NoGLError as error:
        require(False, str(error))
    assert told["arriving"]["frames"] > 0 and told["playing"]["frames"] == TURNS * 30
    assert told["found_s_worst"] <= told["shown_s_worst"]
    if IS_SOAK:
        late = {name: told[name]["late"] / told[name]["frames"] for name in ("quiet", "arriving")}
        assert late["arriving"] <= late["quiet"] + 0.01


def test_a_shader_that_is_refused_ends_the_measurement_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    monkeypatch.setattr(isf_live, "SHADERS", {"broken": "/*{}*/ void main() { gl_FragColor = nothing; }"})
    monkeypatch.setattr(isf_live, "SETTLING_S", 0.2)
    try:
        with pytest.raises(MultiverseError, match="broken_0"):
            run(64, 64, 30.0, 1, "gl", Progress())
    except NoGLError as error:
        require(False, str(error))
