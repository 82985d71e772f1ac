"""The row of Blender in `multiverse doctor`."""

import importlib.util
import sys
from pathlib import Path

import pytest

from engine.cli.probe import Answer, Probe
from engine.dataset.cli.blender_check import BLENDER

FOUND = {"version": "5.0.1", "python": "3.11.7", "gpus": [], "path": "/opt/bpy/bin/python"}


@pytest.mark.parametrize(
    ("answer", "state", "detail", "fix"),
    [
        (Answer(), "note", "can only use --engine raster", "-m pip install bpy"),
        (Answer(error="/opt/blender: no answer within 60 s"), "warning", "/opt/blender", "bpy"),
        (
            Answer(values=FOUND),
            "ok",
            "5.0.1 with Python 3.11.7, Cycles on the CPU (/opt/bpy/bin/python)",
            "",
        ),
    ],
)
def test_the_doctor_says_what_blender_can_do(
    answer: Answer, state: str, detail: str, fix: str
) -> None:
    found = BLENDER.check(answer)
    assert found is not None and (found.name, found.state) == ("Blender", state)
    assert detail in found.detail and fix in found.fix


def test_blender_is_queried_in_a_separate_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (question,) = BLENDER.questions
    assert isinstance(question, str)
    monkeypatch.setenv("MULTIVERSE_BLENDER", str(tmp_path / "none"))
    assert "MULTIVERSE_BLENDER" in Probe(question).read().error
    monkeypatch.setenv("MULTIVERSE_BLENDER", sys.executable)
    if importlib.util.find_spec("bpy") is None:
        assert "bpy" in Probe(question).read().error
