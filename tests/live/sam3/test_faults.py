"""Failures of the segmentation child: a real process with a tiny model and injected faults."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.ipc import Gate
from engine.live.kit.sent_values import GENERATION
from tests.live.full_card import CARD_FREE_MB
from tests.live.sam3.rig import Sam3Rig

WaitFor = Callable[..., Any]
Open = Callable[..., Sam3Rig]


@pytest.fixture(scope="module")
def detector_alone(small_sam3: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model without its tracker."""
    from transformers import Sam3Model

    folder = tmp_path_factory.mktemp("detector_alone")
    shutil.copytree(
        small_sam3,
        folder,
        ignore=shutil.ignore_patterns("*.safetensors", "config.json"),
        dirs_exist_ok=True,
    )
    Sam3Model.from_pretrained(small_sam3).save_pretrained(folder)
    return folder


def test_a_child_survives_nan_and_being_out_of_memory_once_but_not_for_ever(
    open_sam3: Open, small_sam3: Path, wait_for: WaitFor
) -> None:
    rig = open_sam3(small_sam3)
    wait_for(rig.finds, "a result")
    rig.set({"/sam3/prompt/1": "nan"})
    rig.wait_until_applied(wait_for)
    before = rig.newest()
    for _ in range(2):
        assert rig.feed_one(wait_for).sequence == before.sequence, "the last result stays"
    wait_for(lambda: rig.finds() is None and (rig.fact("nan") or 0) >= 2, "the count")
    notes = [line for key, line in rig.reports if key == "child.sam3.nan"]
    assert notes == [
        f"sam3: {small_sam3}: the masks are not finite numbers; keeping the previous ones"
    ]
    assert rig.fact("card_free_mb") == CARD_FREE_MB, "every report has the free memory of the card"
    rig.set({"/sam3/prompt/1": "tight", GENERATION: 1})
    wait_for(
        lambda: rig.shows(lambda frame: frame.generation == 1),
        "the next prompt's result, at the second try",
    )
    assert (rig.status.restarts, rig.last_report("memory")) == (0, "")
    rig.set({"/sam3/prompt/1": "full"})
    detail = rig.failure(wait_for, rig.finds)
    assert (
        detail
        == "memory: cpu: no memory for 112 px; set a smaller /sam3/resolution, or /sam3/offload"
    )


def test_what_cannot_be_loaded_fails_in_one_line_that_names_it(
    open_sam3: Open, small_sam3: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    other, speechless = tmp_path / "other", tmp_path / "speechless"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "clip"}')
    shutil.copytree(
        small_sam3, speechless, ignore=shutil.ignore_patterns("*token*", "vocab*", "merges*")
    )
    cases = (
        (
            open_sam3(small_sam3, settings={"no_room": True}),
            (f"memory: {small_sam3}: not enough memory for its",),
        ),
        (open_sam3(tmp_path / "nowhere"), ("nowhere: no such file or folder",)),
        (open_sam3(other), (str(other), "clip")),
        (open_sam3(speechless), ("tokenizer",)),
    )
    for rig, phrases in cases:
        detail = rig.failure(wait_for, rig.finds)
        assert all(phrase in detail for phrase in phrases), detail


def test_a_detector_without_a_tracker_detects_in_each_picture_and_suggests_a_model(
    open_sam3: Open, detector_alone: Path, wait_for: WaitFor
) -> None:
    rig = open_sam3(detector_alone, values={"/sam3/mode": "track"})
    wait_for(lambda: rig.finds(lambda found: len(found.objects) == 16), "a result all the same")
    wait_for(lambda: "/sam3/mode track" in rig.last_report("asked.0"), "a report of it")
    assert "continuing with image" in rig.last_report("asked.0")
    assert "facebook/sam3" in rig.last_report("asked.0")


def test_it_waits_while_a_picture_is_drawn_if_the_gate_is_on(
    gate: Gate, open_sam3: Open, small_sam3: Path, wait_for: WaitFor
) -> None:
    rig = open_sam3(small_sam3, gate=gate)
    wait_for(rig.finds, "a result")
    gate.period_ns = 600 * 10**9
    gate.draw_begins(time.perf_counter_ns())
    before = rig.newest()
    assert rig.feed_one(wait_for).sequence == before.sequence
    gate.draw_ends()
    wait_for(lambda: rig.newest().sequence > before.sequence, "the result when the draw has ended")
    rig.set({"/sam3/gate": False})
    rig.wait_until_applied(wait_for)
    gate.draw_begins(time.perf_counter_ns())
    wait_for(rig.finds, "a result during a draw")
