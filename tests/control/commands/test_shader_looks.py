"""The shaders of whole looks: when a look waits for them, and how two such looks dissolve."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from engine.params.fade_time import FadeTime
from engine.params.store import entries_of
from engine.render.isf.isf_file import ShaderSlot, ShaderState
from osc_schema.fx import file_address
from tests.control.commands.shader_rig import PERIOD_S, Rig, shader

WaitFor = Callable[..., Any]
SLIDE = """/*{"INPUTS": [{"NAME": "startImage", "TYPE": "image"}, {"NAME": "endImage", "TYPE": "image"},
{"NAME": "progress", "TYPE": "float"}, {"NAME": "edge", "TYPE": "float", "DEFAULT": 0.25}]}*/
void main() { gl_FragColor = vec4(progress); }"""


@pytest.fixture
def rig(shader_rig: Rig) -> Rig:
    return shader_rig


@pytest.fixture
def slide(rig: Rig, play: Any, wait_for: Any) -> dict[str, ShaderSlot]:
    """The shaders of a frame in which the transition Slide is chosen."""
    rig.write("Slide", SLIDE)
    wait_for(lambda: rig.control.catalog.find("Slide") is not None, "the new file")
    return dict(play("Slide", "transition"))


def look(rig: Rig, **files: str) -> dict[str, Any]:
    """The values of a look with these shaders by slot, set in one group."""
    none = {file_address(slot): "" for slot in ("generator", "1", "2", "3", "4")}
    chosen = {file_address(slot.removeprefix("slot_")): name for slot, name in files.items()}
    return {**rig.store.snapshot(), **none, **chosen, "/layer/1/intensity": 0.0}


def take(rig: Rig, **files: str) -> None:
    rig.store.set_many(look(rig, **files).items(), by="preset")


def test_a_look_is_ready_once_its_shaders_are_tested_or_refused(rig: Rig, wait_for: Any) -> None:
    rig.tester.may_answer.clear()
    sky = look(rig, generator="Sky", slot_1="Broken")
    assert rig.control.awaited_by(look(rig)) == "" and rig.control.awaited_by(sky) == "Sky"
    rig.prepare("1", "Wave")  # what is prepared meanwhile takes nothing away
    wait_for(lambda: rig.control.awaited_by(sky) and rig.tester.texts, "the test")
    rig.tester.may_answer.set()
    wait_for(lambda: not rig.control.awaited_by(sky), "its end")
    assert rig.control.fault_of("Sky") == "" and "undeclared" in rig.control.fault_of("Broken")
    assert len(rig.tester.texts) == 3, "each once"


@pytest.mark.parametrize("name", ["Dawn", "Broken"])
def test_a_look_on_screen_without_its_shader_shows_its_fallback_and_no_other_look_s_shader(
    rig: Rig, play: Any, wait_for: Any, reports: Any, name: str
) -> None:
    play("Sky", "generator")
    rig.tester.may_answer.clear()
    take(rig, generator=name, slot_1="Glow")
    wait_for(
        lambda: rig.frame() is not None and rig.crossfade.bypass.slots == {"generator", "1"},
        "the fallback",
    )
    assert rig.frame() == {} and rig.snapshot["/layer/1/intensity"] > 0.0, "Eclipse stands in"
    line = (
        f"/fx/generator/file: {name}: is tested for the first time on this machine; Eclipse "
        "(/fx/fallback) holds"
    )
    assert [message for _, message in reports.lines if message.startswith(line)]
    rig.tester.may_answer.set()
    wait_for(
        lambda: rig.state("generator") in ("playing", "failed") and rig.is_playing("Glow"),
        "the tests",
    )
    wait_for(lambda: rig.frame() and rig.fade is None, "the dissolve")
    playing = {slot: each.file.title for slot, each in rig.frame().items()}
    titles = {"1": "Glow"} if name == "Broken" else {"generator": "Dawn", "1": "Glow"}
    assert {slot.rstrip("-"): title for slot, title in playing.items()} == titles
    assert (rig.snapshot["/layer/1/intensity"] > 0.0) is (name == "Broken")


def test_the_first_look_of_a_run_begins_with_its_fallback(
    tmp_path: Path, reports: Any, wait_for: Any
) -> None:
    (tmp_path / "Sky.fs").write_text(shader(image=False))
    first = [("/fx/generator/file", "Sky"), *((f"/layer/{n}/intensity", 0.0) for n in range(1, 5))]
    rig = Rig(tmp_path, reports, first=first)
    try:
        rig.tester.may_answer.clear()
        for _ in range(3):
            assert rig.frame() == {} and rig.snapshot["/layer/1/intensity"] > 0.0
        rig.tester.may_answer.set()
        wait_for(lambda: "generator" in rig.frame(), "its shader")
        wait_for(lambda: rig.frame() and rig.fade is None, "the dissolve")
        assert rig.snapshot["/layer/1/intensity"] == 0.0
    finally:
        rig.control.close()


def test_a_test_that_had_no_time_is_told_and_begins_again(
    rig: Rig, wait_for: Any, reports: Any
) -> None:
    rig.write("Late", shader(more="// late"))
    wait_for(lambda: rig.control.catalog.find("Late") is not None, "the new file")
    rig.store.set("/fx/1/file", "Late", by="test")
    wait_for(lambda: rig.frame() is not None and rig.is_playing("Late"), "the shader")
    assert len(rig.tester.texts) == 3 and rig.tester.wall_deadlines == [3.0, 6.0, 12.0]
    assert reports.lines[0] == (
        "fx.late.Late",
        "Late: it was out of time by the clock; its test begins again",
    )


def test_a_dissolve_waits_at_its_beginning_until_the_new_look_is_built(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    play("Glow")
    rig.control.awaited_by(look(rig, generator="Sky"))
    wait_for(lambda: not rig.control.awaited_by(look(rig, generator="Sky")), "the test")
    values = entries_of(look(rig, generator="Sky").items())
    rig.crossfade.start(values, FadeTime(1.0), by="preset", is_picture=True)
    building = frozenset({"generator"})
    wait_for(lambda: "generator" in rig.frame(building=building), "the new look's shader")
    for _ in range(60):
        rig.frame(building=building)
        assert rig.fade is not None and rig.fade.mix == 0.0
    for _ in range(8):
        rig.frame()
    assert rig.fade is not None and 0.1 < rig.fade.mix < 0.3


def begin_fade(rig: Rig) -> set[str]:
    """Begin a fade of four seconds; the render slots of its second frame."""
    rig.crossfade.start(
        entries_of([("/layer/1/intensity", 0.2)]), FadeTime(4.0), by="preset", is_picture=True
    )
    return set(rig.frame() and rig.frame())


def test_a_transition_is_in_each_frame_or_refused(
    rig: Rig, slide: Any, wait_for: Any, reports: Any
) -> None:
    assert slide["transition"].mix == 0.0 and slide["transition"].inputs == {"edge": 0.25}, (
        "before any fade"
    )
    assert [view.address for view in rig.views.every] == ["/fx/transition/edge"]
    for slot, name, reason in (
        (
            "transition",
            "Glow",
            "is no transition (it needs the images startImage and endImage, and a float progress)",
        ),
        ("1", "Slide", "is a transition between two pictures; choose it for /preset/transition"),
    ):
        rig.store.set(file_address(slot), name, by="test")
        wait_for(lambda slot=slot: rig.frame() and rig.state(slot) == "failed", "the refusal")
        assert reason in rig.detail(slot) and reports.lines[-1][1].startswith(
            f"{file_address(slot)}: {name}: {reason}"
        )
    assert rig.frame()["transition"].file is slide["transition"].file, "the last one plays on"
    rig.tester.may_answer.clear()
    rig.write("Burn", SLIDE.replace("0.25", "0.5"))
    wait_for(lambda: rig.control.catalog.find("Burn") is not None, "the new file")
    rig.store.set("/preset/transition", "Burn", by="test")
    line = (
        "/preset/transition: Burn: is tested for the first time on this machine; until then "
        "looks dissolve without"
    )
    is_reported = lambda: reports.lines[-1][1].startswith(line)  # noqa: E731
    wait_for(lambda: "transition" not in rig.frame() and is_reported(), "a plain dissolve")
    rig.tester.may_answer.set()
    wait_for(lambda: rig.is_playing("Burn", "transition"), "the new one")
    with pytest.raises(
        osc_schema.Rejected, match=r"/preset/transition: 'Slid' is not in .*nearest: Slide"
    ):
        rig.store.set("/preset/transition", "Slid", by="test")
    for plain in ("dissolve", ""):
        rig.store.set("/preset/transition", plain, by="test")
        wait_for(
            lambda: "transition" not in rig.frame() and rig.state("transition") == "off",
            "the dissolve",
        )


def test_looks_with_the_same_shaders_are_drawn_apart_for_a_transition_or_blend(
    rig: Rig, slide: Any, play: Any
) -> None:
    play("Glow")
    rig.crossfade.dissolve(0.1)  # as where a shader that was bypassed comes back
    assert rig.frame().keys() == {"1"} and rig.fade is not None, "no transition within one look"
    while rig.fade is not None:
        rig.frame()
    assert begin_fade(rig) == {"1", "1-", "transition"}
    rig.store.set("/preset/transition", "dissolve", by="test")
    assert set(rig.frame()) < {"1", "1-"}, "they glide into each other"
    rig.store.set("/preset/blend", "add", by="test")
    assert set(rig.frame()) == {"1", "1-"}


def test_a_slow_transition_is_bypassed_and_only_a_running_fade_is_frozen(
    rig: Rig, slide: Any, wait_for: Any
) -> None:
    over = ShaderState(costs_ms={"transition": 300.0}, overruns=frozenset({"transition"}))
    for is_fading in (False, True):
        assert not is_fading or "transition" in begin_fade(rig)
        rig.control.after_frame(over, PERIOD_S)
        wait_for(lambda: rig.state("transition") == "bypassed", "the bypass")
        assert "takes 300 ms of the 33 ms of a frame; looks dissolve without it" in rig.detail(
            "transition"
        )
        assert (
            "transition" not in rig.frame()
            and (rig.fade is not None and rig.fade.is_frozen) is is_fading
        )
        rig.store.set("/fx/transition/enable", True, by="test")
        assert "transition" in rig.frame(), "tried again"
        assert is_fading or rig.fade is None
