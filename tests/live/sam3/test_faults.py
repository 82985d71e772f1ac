"""Failures of the segmentation child: a real process with a tiny model and injected faults."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.ipc import Gate
from engine.live.kit.sent_values import GENERATION
from tests.live.sam3.faults import CARD_FREE_MB
from tests.live.sam3.studio import Sam3Studio

WaitFor = Callable[..., Any]
Open = Callable[..., Sam3Studio]


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate.create()
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def detector_alone(small_sam3: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model without its tracker."""
    from transformers import Sam3Model

    folder = tmp_path_factory.mktemp("detector_alone")
    shutil.copytree(
        small_sam3, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"), dirs_exist_ok=True
    )
    Sam3Model.from_pretrained(small_sam3).save_pretrained(folder)
    return folder


def fed(studio: Sam3Studio) -> Sam3Studio:
    """Feed the child if it asks, because it tries new values with the next picture only."""
    studio.finds()
    return studio


def failure(studio: Sam3Studio, wait_for: WaitFor) -> str:
    """The line with the reason why the child is not restarted."""
    wait_for(lambda: fed(studio).status.state == "failed", "the failure")
    assert "\n" not in studio.status.detail
    assert studio.status.restarts == 0
    return studio.status.detail


def test_a_child_survives_nan_and_being_out_of_memory_once_but_not_for_ever(
    open_sam3: Open, small_sam3: Path, wait_for: WaitFor
) -> None:
    studio = open_sam3(small_sam3)
    wait_for(studio.finds, "a result")
    studio.set({"/sam3/prompt/1": "nan"})
    studio.wait_until_applied(wait_for)
    before = studio.newest()
    for _ in range(2):
        assert studio.feed_one(wait_for).sequence == before.sequence, "the last result stays"
    wait_for(lambda: studio.finds() is None and (studio.fact("nan") or 0) >= 2, "the count")
    notes = [line for key, line in studio.reports if key == "child.sam3.nan"]
    assert notes == [f"sam3: {small_sam3}: the masks are not finite numbers; keeping the previous ones"]
    assert studio.fact("card_free_mb") == CARD_FREE_MB, "what a card has left is told with every fact"
    studio.set({"/sam3/prompt/1": "tight", GENERATION: 1})
    wait_for(lambda: studio.shows(lambda frame: frame.generation == 1), "the next prompt's result, at the second try")
    assert (studio.status.restarts, studio.last_report("memory")) == (0, "")
    studio.set({"/sam3/prompt/1": "full"})
    detail = failure(studio, wait_for)
    assert detail == "memory: cpu: no memory for 112 px; set a smaller /sam3/resolution, or /sam3/offload"


def test_what_cannot_be_loaded_fails_in_one_line_that_names_it(
    open_sam3: Open, small_sam3: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    other, speechless = tmp_path / "other", tmp_path / "speechless"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "clip"}')
    shutil.copytree(small_sam3, speechless, ignore=shutil.ignore_patterns("*token*", "vocab*", "merges*"))
    cases = (
        (open_sam3(small_sam3, settings={"no_room": True}), (f"memory: {small_sam3}: not enough memory for its",)),
        (open_sam3(tmp_path / "nowhere"), ("nowhere: no such file or folder",)),
        (open_sam3(other), (str(other), "clip")),
        (open_sam3(speechless), ("tokenizer",)),
    )
    for studio, phrases in cases:
        detail = failure(studio, wait_for)
        assert all(phrase in detail for phrase in phrases), detail


def test_a_detector_without_a_tracker_detects_in_each_picture_and_suggests_a_model(
    open_sam3: Open, detector_alone: Path, wait_for: WaitFor
) -> None:
    studio = open_sam3(detector_alone, values={"/sam3/mode": "track"})
    wait_for(lambda: studio.finds(lambda found: len(found.objects) == 16), "a result all the same")
    wait_for(lambda: "/sam3/mode track" in studio.last_report("asked.0"), "a word about it")
    assert "continuing with image" in studio.last_report("asked.0")
    assert "facebook/sam3" in studio.last_report("asked.0")


def test_it_waits_while_a_picture_is_drawn_if_the_gate_is_on(
    gate: Gate, open_sam3: Open, small_sam3: Path, wait_for: WaitFor
) -> None:
    studio = open_sam3(small_sam3, gate=gate)
    wait_for(studio.finds, "a result")
    gate.period_ns = 600 * 10**9
    gate.draw_begins(time.perf_counter_ns())
    before = studio.newest()
    assert studio.feed_one(wait_for).sequence == before.sequence
    gate.draw_ends()
    wait_for(lambda: studio.newest().sequence > before.sequence, "the result when the draw has ended")
    studio.set({"/sam3/gate": False})
    studio.wait_until_applied(wait_for)
    gate.draw_begins(time.perf_counter_ns())
    wait_for(studio.finds, "a result during a draw")
