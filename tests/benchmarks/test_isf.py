"""`python -m tests.benchmarks isf`: shader slots."""

import json
from collections.abc import Callable

import pytest

from engine.cli.benches.measuring import Progress
from engine.cli.benches.options import Size
from tests.benchmarks import isf
from tests.benchmarks.__main__ import app as proofs
from tests.benchmarks.isf import IsfBench
from tests.cli.conftest import Said
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


def test_without_json_the_output_is_a_table(
    say: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    monkeypatch.setattr(isf, "SHADERS", dict([*isf.SHADERS.items()][:1]))
    said = say("isf", "--size", "64x36", "--frames", "10", commands=proofs)
    lines = dict(line.split(maxsplit=1) for line in said.out.splitlines())
    require("unavailable" not in lines, str(lines))
    (name,) = isf.SHADERS
    assert float(lines["without_ms"]) > 0 and float(lines[f"{name}.picture_ms"]) > 0
