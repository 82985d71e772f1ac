"""`multiverse bench isf`: shader slots."""

import json
from collections.abc import Callable

import pytest

from engine.bench import isf
from engine.bench.measuring import Progress
from engine.bench.options import IsfBench, Size
from tests.support.long_form import IS_SOAK


@pytest.mark.soak
@pytest.mark.skipif(not IS_SOAK, reason="takes seconds: MULTIVERSE_SOAK=1")
def test_the_figures_of_shader_slots_are_complete(require: Callable[[object, str], None]) -> None:
    figures = json.loads(json.dumps(isf.run(IsfBench(size=Size(width=160, height=90), frames=2), Progress())))
    require("unavailable" not in figures, str(figures))
    assert {*isf.SHADERS, "without_ms", "four_effects_ms", "renderer"} <= figures.keys()
    for name in isf.SHADERS:
        assert figures[name]["picture_ms"] > 0 and figures[name]["slot_ms"] > 0
        assert figures[name]["tried_worst_frame_ms"] > 0
