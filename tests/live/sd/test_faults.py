"""Failures and slowness of the diffusion child: a real process with a tiny model, fed through real
rings."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.live.kit.sent_values import GENERATION
from tests.live.child_rig import QUICK
from tests.live.full_card import CARD_FREE_MB
from tests.live.sd.rig import SdRig

WaitFor = Callable[..., Any]
Open = Callable[..., SdRig]


def test_a_prompt_that_kills_is_quarantined_after_three_deaths_and_painting_continues(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor
) -> None:
    rig = open_sd(tiny_sd)
    first = wait_for(rig.shows, "a picture")
    rig.set({"/sd/prompt": "poison"})
    wait_for(lambda: fed(rig).status.quarantined, "the quarantine")
    assert rig.status.quarantined == ("/sd/prompt: poison",)
    wait_for(lambda: rig.status.restarts == 3, "another process")
    wait_for(
        lambda: rig.shows(lambda frame: (frame.pixels == first.pixels).all()),
        "the last good prompt",
    )
    rig.set({"/sd/prompt": "fire"})
    wait_for(
        lambda: rig.shows(lambda frame: (frame.pixels != first.pixels).any()), "another prompt"
    )
    assert rig.status.restarts == 3


def fed(rig: SdRig) -> SdRig:
    """Feed the child if it asks, because it tries new values with the next picture only."""
    rig.shows()
    return rig


def test_out_of_memory_shrinks_the_picture_if_allowed(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor
) -> None:
    rig = open_sd(
        tiny_sd, settings={"room_px": 128}, values={"/sd/oom": "shrink", "/sd/width": 256}
    )
    wait_for(
        lambda: rig.shows(lambda frame: frame.pixels.shape == (64, 128, 3)),
        "what there is room for",
    )
    assert "no memory for 192x64; continuing with 128x64" in rig.last_report("memory")
    rig.set({"/sd/width": 64})
    wait_for(
        lambda: rig.shows(lambda frame: frame.pixels.shape == (64, 64, 3)), "the requested size"
    )
    rig.set({"/sd/width": 192})
    wait_for(
        lambda: rig.shows(lambda frame: frame.pixels.shape == (64, 128, 3)),
        "what there is room for again",
    )
    assert rig.status.restarts == 0


def test_a_child_survives_nan_and_being_out_of_memory_once_and_never_compiles_on_a_cpu(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor
) -> None:
    rig = open_sd(tiny_sd, settings={"slow_s": 0.05})
    wait_for(rig.shows, "a picture")
    rig.set({"/sd/prompt": "nan"})
    rig.wait_until_applied(wait_for)
    before = rig.newest()
    for _ in range(2):
        assert rig.feed_one(wait_for).sequence == before.sequence, "the last picture stays"
    wait_for(lambda: rig.shows() is None and (rig.fact("nan") or 0) >= 2, "the count")
    assert "not finite" in rig.last_report("nan")
    assert rig.fact("card_free_mb") == CARD_FREE_MB, "every report has the free memory of the card"
    rig.set({"/sd/prompt": "tight", GENERATION: 1})
    wait_for(
        lambda: rig.shows(lambda frame: frame.generation == 1),
        "the next prompt's picture, at the second try",
    )
    assert rig.last_report("memory") == ""
    for change in ({"/sd/width": 128}, {"/sd/strength": 0.7}, {"/sd/guidance": 2.0}):
        assert "compiling" not in states(rig, change, wait_for)
    assert rig.status.restarts == 0


def test_out_of_memory_ends_the_child_without_restart_if_shrinking_is_not_allowed(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor
) -> None:
    rig = open_sd(tiny_sd, settings={"room_px": 128})
    wait_for(rig.shows, "a picture")
    rig.set({"/sd/width": 256})
    line = rig.failure(wait_for, rig.shows)
    assert "no memory for 256x64; set a smaller /sd/width and /sd/height, or /sd/oom shrink" in line


def test_the_rest_of_a_low_duty_ends_when_the_duty_is_raised_or_painting_is_paused(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor
) -> None:
    rig = open_sd(tiny_sd, settings={"work_weight": 1e5})  # it rests for minutes
    wait_for(rig.shows, "a picture")
    for change in ({"/sd/duty": 1.0}, {"/sd/paused": True}):
        rig.set({"/sd/duty_auto": False, "/sd/duty": 0.05})
        rig.wait_until_applied(wait_for)
        before = rig.feed_one(wait_for)
        assert rig.status.state == "busy"
        rig.set({"/sd/prompt_mix": 0.5})
        rig.wait_until_applied(wait_for)
        assert rig.status.state == "busy", "other values are no reason to hurry"
        rig.set(change)
        done = f"its picture after {change}"
        wait_for(
            lambda: rig.status.state == "ready" and rig.newest().sequence > before.sequence, done
        )


def test_a_slow_machine_is_not_mistaken_for_a_hang(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor
) -> None:
    rig = open_sd(tiny_sd, settings={"slow_s": 0.4}, times=replace(QUICK, running_s=0.1))
    wait_for(rig.shows, "a picture")
    wait_for(rig.shows, "another")
    restarts = rig.status.restarts  # not 0 where the machine itself stood still for a second or two
    # six times as slow, and longer than four times the measured duration
    rig.set({"/sd/width": 192, "/sd/height": 128})
    wait_for(
        lambda: rig.shows(lambda frame: frame.pixels.shape == (128, 192, 3)), "the larger picture"
    )
    assert rig.status.restarts == restarts


def test_capturing_a_graph_shows_as_compiling_and_replaying_one_does_not(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor
) -> None:
    rig = open_sd(tiny_sd, settings={"slow_s": 0.05, "capture_s": 0.2})
    wait_for(rig.shows, "a picture")
    for change, has_new in (
        ({"/sd/strength": 0.7}, False),
        ({"/sd/steps": 4}, True),
        ({"/sd/width": 128}, True),
        ({"/sd/width": 64}, False),
    ):
        assert ("compiling" in states(rig, change, wait_for)) == has_new, change


def states(rig: SdRig, change: dict[str, Any], wait_for: WaitFor) -> set[str]:
    """The states of the child from a change to the second picture after it."""
    seen = set()

    def look() -> Any:
        seen.add(rig.status.state)
        return rig.shows()

    rig.set(change)
    rig.wait_until_applied(wait_for, look)
    for _ in range(2):
        wait_for(look, "a picture")
    return seen


def test_a_missing_or_truncated_model_fails_in_one_line_that_names_it(
    open_sd: Open, tiny_sd: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    broken = shutil.copytree(tiny_sd, tmp_path / "broken")
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    for rig, reason in (
        (open_sd(tmp_path / "nowhere"), "nowhere: no such file or folder"),
        (open_sd(broken), "unet"),
    ):
        assert reason in rig.failure(wait_for)
