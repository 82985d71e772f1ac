"""The choice of engine and settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.dataset.choosing import ChosenEngine, EngineOptions, choose_engine
from engine.dataset.task import RenderSettings
from engine.errors import RenderError, UsageError

pytestmark = pytest.mark.only_on(
    "linux", "darwin", reason="stands in for Blender by a shell script"
)

RASTER = RenderSettings(engine="raster")
FINE = '{"version": "5.0.1", "python": "3.11.13", "gpus": []}'
WITH_GPU = '{"version": "5.0.1", "python": "3.11.13", "gpus": ["NVIDIA H200"]}'
OLD = '{"failure": "Blender 3.4.1 is older than 4.2, the oldest supported version"}'


def choose(engine: Any, *, is_remote: bool = False, **values: Any) -> ChosenEngine:
    return choose_engine(EngineOptions(engine=engine, **values), is_remote=is_remote)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Replace this machine's Blender by a program that prints this line, and counts in the file
    `asked` how often."""
    monkeypatch.delenv("MULTIVERSE_BLENDER", raising=False)
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("engine.dataset.cycles.finding.find_spec", lambda name: None)

    def write(line: str) -> Path:
        path = tmp_path / "blender"
        path.write_text(f"#!/bin/sh\necho >> {tmp_path}/asked\necho '{line}'\n")
        path.chmod(0o755)
        return path

    return write


@pytest.mark.parametrize(
    ("options", "samples", "noise"),
    [
        ({}, 50, 0.01),
        ({"preset": "quick"}, 30, 0.02),
        ({"preset": "high"}, 100, 0.005),
        ({"max_samples": 7}, 7, 0.01),
        ({"preset": "quick", "max_samples": 1, "noise_threshold": 1.0}, 1, 1.0),
    ],
)
def test_a_preset_gives_samples_and_noise_unless_they_are_given(
    stand_in: Callable[[str], Path], options: dict[str, Any], samples: int, noise: float
) -> None:
    stand_in(FINE)
    drawing = RenderSettings(engine="cycles", max_samples=samples, noise_threshold=noise)
    for engine in ("cycles", "auto"):
        chosen = choose(engine, **options)
        assert (chosen.drawing, chosen.blender, chosen.notes) == (drawing, "", ())
    assert choose("cycles", is_remote=True, **options).drawing == drawing


def test_blender_is_started_once_and_only_if_it_may_draw(
    stand_in: Callable[[str], Path], tmp_path: Path
) -> None:
    path = stand_in(FINE)
    assert choose("raster").drawing == RASTER
    choose("cycles", is_remote=True)
    assert not (tmp_path / "asked").exists() and choose("cycles", blender=str(path)).blender == str(
        path
    )
    assert (tmp_path / "asked").read_text() == "\n"


def test_a_setting_without_effect_or_out_of_range_is_refused(
    stand_in: Callable[[str], Path],
) -> None:
    stand_in(FINE)
    for name, value in (
        ("preset", "high"),
        ("max_samples", 9),
        ("use_gpu", False),
        ("blender", "blender"),
    ):
        with pytest.raises(
            UsageError, match=f"^--{name.replace('_', '-')}: only for Cycles; .*--engine cycles$"
        ):
            choose("raster", **{name: value})
    for name in ("max_samples", "noise_threshold"):
        with pytest.raises(UsageError, match=f"^--{name.replace('_', '-')}: 0 is not"):
            choose("auto", **{name: 0})


def test_a_missing_gpu_is_refused_before_any_picture(stand_in: Callable[[str], Path]) -> None:
    stand_in(FINE)
    for engine in ("cycles", "auto"):
        with pytest.raises(UsageError, match=r"^--use-gpu: Cycles has no GPU here") as caught:
            choose(engine, use_gpu=True)
        assert (
            "\n" not in str(caught.value) and choose(engine, use_gpu=False).drawing.use_gpu is False
        )
    assert choose("cycles", use_gpu=True, is_remote=True).drawing.use_gpu is True
    stand_in(WITH_GPU)
    assert choose("auto", use_gpu=True).drawing.use_gpu is True


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        (OLD, UsageError, "Blender 3.4.1 is older than 4.2"),
        ("no display", RenderError, "no display"),
    ],
)
def test_auto_falls_back_to_the_raster_engine_and_says_why(
    stand_in: Callable[[str], Path], line: str, kind: type[Exception], reason: str
) -> None:
    path = stand_in(line)
    with pytest.raises(kind, match=reason) as caught:
        choose("cycles")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    chosen = choose("auto", preset="high", use_gpu=True)
    (note,) = chosen.notes
    assert chosen.drawing == RASTER and "\n" not in note
    assert note.startswith("using the raster engine") and reason in note and str(path) in note
    assert note.endswith(
        "; --preset --use-gpu: only for Cycles; it has no effect with the raster engine"
    )


def test_other_machines_draw_with_the_raster_engine_unless_cycles_is_requested(
    stand_in: Callable[[str], Path], tmp_path: Path
) -> None:
    stand_in(FINE)
    chosen = choose("auto", is_remote=True)
    assert chosen.drawing == RASTER and chosen.notes[0].startswith(
        "on a cluster the raster engine is used"
    )
    (tmp_path / "blender").unlink()
    assert choose("cycles", is_remote=True).drawing.engine == "cycles"
    with pytest.raises(UsageError, match=r"^--engine cycles: Blender was not found"):
        choose("cycles")
    chosen = choose("auto")
    assert chosen.drawing == RASTER and "for Cycles install Blender: " in chosen.notes[0]
