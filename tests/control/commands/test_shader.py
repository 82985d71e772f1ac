"""The life of a shader, from its file to its values in a frame. A scripted trial replaces the
GPU's."""

from collections.abc import Callable
from typing import Any

import pytest

import osc_schema
from engine.control import Reply
from engine.control.commands.slow_shaders import MAX_SLOW_FRAMES, UNMEASURED_FRAMES
from engine.osc.decode import Message, decode_packet
from engine.params.fade_time import FadeTime
from engine.params.looks import LOOKS
from engine.params.store import entries_of
from engine.render.colour import ramp_rgb
from engine.render.isf.isf_file import ShaderState
from tests.control.commands.shader_rig import PERIOD_S, Rig, shader

WaitFor = Callable[..., Any]
SLIDE = """/*{"INPUTS": [{"NAME": "startImage", "TYPE": "image"}, {"NAME": "endImage", "TYPE": "image"},
{"NAME": "progress", "TYPE": "float"}, {"NAME": "edge", "TYPE": "float", "DEFAULT": 0.25}]}*/
void main() { gl_FragColor = vec4(progress); }"""


@pytest.fixture
def rig(shader_rig: Rig) -> Rig:
    return shader_rig


def test_a_chosen_shader_plays_with_its_own_defaults_and_is_listed_with_its_inputs(
    rig: Rig, play: Any
) -> None:
    rig.store.set("/fx/1/1", 0.9, by="test")
    shaders = play("glow")
    assert shaders["1"].file.title == "Glow" and shaders["1"].mix == 1.0
    assert shaders["1"].inputs == {"speed": 2.5, "flash": False, "shape": 1}
    assert rig.store.get("/fx/1/1") == 0.25 and rig.store.get("/fx/1/3") == 0.5
    assert [view.address for view in rig.views.every] == [
        "/fx/1/speed",
        "/fx/1/flash",
        "/fx/1/shape",
    ]
    lines: list[Message] = []
    rig.control._on_list(Reply("/fx/list", lambda packet: lines.append(decode_packet(packet))))
    listed = {(each.address, *each.args) for each in lines}
    assert listed >= {
        ("/fx/name", name, rig.folder.name) for name in ("Broken", "Dawn", "Glow", "Sky", "Wave")
    }
    assert listed >= {
        ("/fx/slot", "1", "glow", "playing", ""),
        ("/fx/slot", "2", "", "off", ""),
        ("/fx/input", "/fx/1/speed", "speed"),
        ("/done", "/fx/list", 5),
    }
    values = rig.store.snapshot()
    targets = ("/fx/1/speed", "/fx/1/glitter", "/fx/2/speed")
    assert [rig.player.alias_of(target, values) for target in targets] == ["/fx/1/1", "", ""], (
        "for routes by name"
    )
    rig.store.set("/fx/1/enable", False, by="test")
    assert rig.state() == "off", "not said to play"


@pytest.mark.parametrize("is_file_first", [True, False])
@pytest.mark.parametrize("speed", [0.9, 0.0])  # the second is the value that the alias has anyway
def test_numbers_of_a_bundle_hold_in_any_order(
    rig: Rig, wait_for: Any, is_file_first: bool, speed: float
) -> None:
    group = [("/fx/1/file", "Glow"), ("/fx/1/1", speed)]
    rig.store.set_many(group if is_file_first else group[::-1], by="test")
    rig.frame()
    wait_for(lambda: rig.state() == "playing", "the shader")
    assert rig.frame()["1"].inputs == {"speed": 10 * speed, "flash": False, "shape": 1}


def test_a_preset_with_another_order_of_inputs_gets_each_value_to_its_name(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    names = {"/fx/1/1": "shape", "/fx/1/2": "speed", "/fx/1/3": "flash"}
    preset = rig.views.arrange(
        entries_of([("/fx/1/file", "Glow"), ("/fx/1/1", 1.0), ("/fx/1/2", 0.9), ("/fx/1/3", 0.0)]),
        names,
    )
    rig.store.apply(preset, by="preset")
    rig.frame()
    wait_for(lambda: rig.is_playing("Glow"), "the shader")
    shaders = rig.frame()["1"].inputs
    assert (shaders["speed"], shaders["shape"], shaders["flash"]) == (9.0, 2, False)


def test_a_fader_moved_while_a_shader_is_tested_is_not_taken_back(rig: Rig, wait_for: Any) -> None:
    rig.tester.may_answer.clear()
    rig.store.set("/fx/1/file", "Glow", by="test")
    wait_for(lambda: rig.state() == "testing", "the test")
    rig.store.set("/fx/1/1", 0.6, by="midi")
    rig.tester.may_answer.set()
    wait_for(lambda: rig.state() == "playing", "the shader")
    assert rig.frame()["1"].inputs["speed"] == pytest.approx(6.0)


def test_the_last_shader_plays_on_unchanged_until_the_new_one_is_tested(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    before = play("Glow")["1"]
    rig.tester.may_answer.clear()
    rig.store.set_many([("/fx/1/file", "Wave"), ("/fx/1/1", 1.0), ("/fx/1/mix", 0.5)], by="preset")
    wait_for(lambda: rig.state() == "testing", "the test")
    for _ in range(5):
        assert rig.frame()["1"] == before
    rig.tester.may_answer.set()
    wait_for(lambda: rig.is_playing("Wave"), "the shader")
    now = rig.frame()["1"]
    assert (now.file.title, now.inputs["speed"]) == ("Wave", 10.0)


def test_a_failed_shader_is_reported_and_the_last_one_stays(
    rig: Rig, play: Any, wait_for: Any, reports: Any
) -> None:
    play("Glow")
    rig.store.set("/fx/1/file", "Broken", by="test")
    wait_for(lambda: rig.state() == "failed", "the failure")
    rig.store.set("/fx/1/1", 0.5, by="test")
    for _ in range(20):
        shaders = rig.frame()
    assert shaders["1"].file.title == "Glow" and shaders["1"].inputs["speed"] == pytest.approx(5.0)
    assert rig.detail() == "line 9: 'glow' : undeclared"
    assert ("/fx/1/error", "line 9: 'glow' : undeclared") in rig.messages
    assert reports.lines == [
        ("fx.1", "/fx/1/file: Broken: line 9: 'glow' : undeclared; Glow plays on as it was")
    ]
    with pytest.raises(
        osc_schema.Rejected,
        match=r"/fx/1/file: 'Glw' is not in the shader folders \(nearest: Glow\)",
    ):
        rig.store.set("/fx/1/file", "Glw", by="test")
    assert rig.store.get("/fx/1/file") == "Broken", (
        "an unknown name is refused at once and changes nothing"
    )


def test_a_file_saved_again_keeps_its_values_and_a_corrected_one_no_error(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    play("Glow")
    rig.store.set("/fx/1/1", 0.5, by="test")
    wait_for(lambda: len(rig.tester.texts) == 1, "the first test")
    rig.write("Glow", shader(1.0, more="#error  "))
    wait_for(lambda: rig.state() == "failed", "the error of the saved file")
    assert rig.frame()["1"].file.title == "Glow"
    rig.write("Glow", shader(9.0, more="float mended;"))
    wait_for(lambda: rig.state() == "playing" and len(rig.tester.texts) == 3, "the mended file")
    shaders = rig.frame()["1"]
    assert "mended" in shaders.file.texts.fragment and shaders.inputs["speed"] == pytest.approx(5.0)
    assert rig.detail() == "" and rig.messages[-2:] == [
        ("/fx/playing", "1", "Glow"),
        ("/fx/1/error", ""),
    ]


def test_an_event_is_true_for_one_frame_however_often_its_button_is_seen(
    rig: Rig, play: Any
) -> None:
    play("Glow")
    assert not rig.frame()["1"].inputs["flash"]
    for _ in range(2):  # the second press needs no release by the sender
        rig.store.set("/fx/1/2", 1.0, by="pad")
        assert [rig.frame()["1"].inputs["flash"] for _ in range(3)] == [True, False, False]
        assert rig.store.get("/fx/1/2") == 0.0


def test_a_slow_shader_is_bypassed_until_it_is_switched_on(
    rig: Rig, play: Any, wait_for: Any, reports: Any
) -> None:
    play("Glow")
    for _ in range(UNMEASURED_FRAMES + MAX_SLOW_FRAMES):
        rig.frame({"1": 0.6 * PERIOD_S * 1000})
    assert rig.store.get("/fx/1/enable") is True and "1" not in rig.frame()
    wait_for(lambda: rig.state() == "bypassed", "the bypass")
    assert "takes 20 ms of the 33 ms of a frame" in rig.detail()
    assert "/fx/1: Glow: bypassed: takes 20 ms" in reports.lines[-1][1]
    for _ in range(20):
        rig.frame()
    assert rig.fade is None and "1" not in rig.frame()
    rig.store.set("/fx/1/enable", True, by="test")
    assert "1" in rig.frame({"1": 5.0}), "as often as it is sent, although the switch is on"
    wait_for(lambda: rig.state() == "playing", "the second try")


FORMS = """/*{"INPUTS": [{"NAME": "quality", "TYPE": "float", "MIN": 0.2, "MAX": 1.0, "DEFAULT": 1.0},
  {"NAME": "beats", "TYPE": "float"}, {"NAME": "bpm", "TYPE": "float"}]}*/
void main() { gl_FragColor = vec4(quality); }"""


def test_a_slow_shader_with_a_smaller_form_is_drawn_in_it_before_it_is_bypassed(
    rig: Rig, play: Any, wait_for: Any, reports: Any
) -> None:
    rig.write("Forms", FORMS)
    wait_for(lambda: rig.control.catalog.find("Forms") is not None, "the scan")
    play("Forms", "generator")
    seen = []
    for _ in range(3):
        seen.append(rig.frame()["generator"].inputs["quality"])
        for _ in range(UNMEASURED_FRAMES + MAX_SLOW_FRAMES):
            rig.frame({"generator": 0.6 * PERIOD_S * 1000})
    assert seen == [1.0, 0.5, 0.25]
    wait_for(lambda: rig.state("generator") == "bypassed", "the bypass")
    lines = [line for _, line in reports.lines if "quality" in line]
    assert (
        lines[0] == "/fx/generator: Forms: drawn at quality 0.5: took 20 ms of the 33 ms of a frame"
    )
    rig.store.set("/fx/generator/enable", False, by="test")
    rig.frame()
    rig.store.set("/fx/generator/enable", True, by="test")
    assert rig.frame()["generator"].inputs["quality"] == 1.0, (
        "switched on again, the full form is tried again"
    )
    rig.store.set("/fx/generator/1", 0.66, by="test")
    assert rig.frame()["generator"].inputs["quality"] == 0.75, (
        "in steps of 1/16, and at once: each allocates targets"
    )
    wait_for(lambda: rig.state("generator") == "playing", "the second try")
    assert rig.detail("generator") == ""


def test_the_line_on_a_smaller_form_names_the_shader_that_plays(
    rig: Rig, play: Any, wait_for: Any, reports: Any
) -> None:
    rig.write("Forms", FORMS)
    wait_for(lambda: rig.control.catalog.find("Forms") is not None, "the scan")
    play("Forms", "generator")
    rig.store.set("/fx/generator/file", "Broken", by="test")
    rig.frame()
    wait_for(lambda: rig.state("generator") == "failed", "the error")
    error = rig.detail("generator")
    for _ in range(UNMEASURED_FRAMES + MAX_SLOW_FRAMES):
        rig.frame({"generator": 0.6 * PERIOD_S * 1000})
    assert reports.lines[-1][1].startswith("/fx/generator: Forms: drawn at quality 0.5: took 20 ms")
    assert rig.detail("generator") == error


def test_a_quick_shader_is_drawn_in_its_smaller_form_while_the_whole_picture_is_slow(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    rig.write("Forms", FORMS)
    wait_for(lambda: rig.control.catalog.find("Forms") is not None, "the scan")
    play("Forms", "generator")

    def qualities(fraction: float, *pictures: float) -> list[object]:
        times = [
            dict(costs_ms={"generator": fraction * PERIOD_S * 1000}, draw_s=each * PERIOD_S)
            for each in pictures
        ]
        return [rig.frame(**each)["generator"].inputs["quality"] for each in times]

    assert qualities(0.3, *[0.8, 0.5, 0.5] * 20) == [1.0] * 60, "one of three is the system's"
    assert qualities(0.1, *[0.8] * 2 * MAX_SLOW_FRAMES)[-1] == 1.0, "that shader would gain nothing"
    seen = qualities(0.3, *[0.8] * MAX_SLOW_FRAMES, 0.5, *[0.8] * (MAX_SLOW_FRAMES + 1))
    assert seen == [1.0] * MAX_SLOW_FRAMES + [0.5] * (MAX_SLOW_FRAMES + 1) + [0.25]
    assert qualities(0.3, *[0.8] * 100) == [0.25] * 100 and rig.is_playing("Forms", "generator"), (
        "never bypassed"
    )


def test_a_shader_whose_trial_was_slow_begins_in_a_smaller_form_and_reads_the_clock(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    rig.write("Forms", FORMS + "// slow")
    wait_for(lambda: rig.control.catalog.find("Forms") is not None, "the scan")
    playing = play("Forms", "generator")["generator"]
    assert playing.inputs == {"quality": 0.25, "beats": 12.5, "bpm": 128.0}
    assert [view.address for view in rig.views.every] == ["/fx/generator/quality"], (
        "the clock is no control"
    )


def test_an_offline_video_waits_for_a_slow_shader(rig: Rig, play: Any) -> None:
    play("Glow")
    rig.control._is_offline = True
    for _ in range(40):
        shaders = rig.frame(costs_ms={"1": 500.0})
    assert shaders["1"].file.title == "Glow" and rig.store.get("/fx/1/enable") is True


def test_a_shader_given_up_in_the_middle_of_a_picture_is_bypassed_at_once(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    for slot, name in (("generator", "Sky"), ("1", "Glow"), ("2", "Wave")):
        play(name, slot)
    rig.control.after_frame(
        ShaderState(costs_ms={"1": 230.0, "2": 2.0}, overruns=frozenset({"1"})), PERIOD_S
    )
    wait_for(lambda: rig.state() == "bypassed", "the bypass")
    assert "takes 230 ms" in rig.detail() and set(rig.frame()) == {"generator", "2"}
    assert rig.state("generator") == rig.state("2") == "playing"


LAYERS = (
    "/layer/1/shape",
    "/layer/1/intensity",
    "/feedback/amount",
    "/layer/5/intensity",
    "/mod/1/target",
)


def test_a_bypassed_generator_dissolves_into_the_look_that_its_look_names(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    rig.store.set_many(
        [("/fx/fallback", "mandala"), ("/colour/palette", "ice"), ("/layer/5/intensity", 1.0)],
        by="preset",
    )
    play("Glow")
    play("Sky", "generator")
    before = rig.store.snapshot()
    for _ in range(2):
        rig.frame({"generator": 900.0})
    fractions = []
    while not fractions or rig.fade is not None:
        assert rig.frame().keys() == {"1"}, "the effect plays on"
        if rig.fade is not None:
            assert rig.fade.is_frozen, (
                "the picture on screen has the shader in it, which cannot be drawn any more"
            )
            fractions.append(rig.fade.mix)
    assert len(fractions) == 15 and fractions == sorted(fractions), (
        "half a second at 30 frames per second"
    )
    assert rig.store.snapshot() == before, "the values that the performer sees stay"
    look = LOOKS["Mandala"]
    assert [rig.snapshot[at] for at in LAYERS] == [
        *map(look.get, LAYERS[:3]),
        0.0,
        look["/mod/1/target"],
    ]
    assert rig.snapshot["/colour/palette"] == "ice"
    rig.store.set("/fx/generator/file", "sky", by="page")
    assert "generator" in rig.frame() and rig.fade is not None and not rig.fade.is_frozen
    assert (
        rig.fade.before["/layer/1/shape"] == look["/layer/1/shape"]
        and rig.snapshot is rig.store.snapshot()
    )
    wait_for(lambda: rig.is_playing("sky", "generator"), "the second try")


def test_a_bypass_in_a_long_fade_freezes_the_screen_and_the_fade_continues(
    rig: Rig, play: Any
) -> None:
    play("Sky", "generator")
    ended: list[str] = []
    rig.crossfade.start(
        entries_of([("/layer/1/intensity", 0.2)]),
        FadeTime(4.0),
        by="preset",
        ended=ended.append,
        is_picture=True,
    )
    for _ in range(30):
        rig.frame()
    assert rig.fade is not None and not rig.fade.is_frozen
    rig.control.after_frame(
        ShaderState(costs_ms={"generator": 1.0}, overruns=frozenset({"generator"})), PERIOD_S
    )
    number = rig.fade.number
    rig.frame()
    assert rig.fade.is_frozen and rig.fade.number > number and 0.2 < rig.fade.mix < 0.3
    for _ in range(60):
        rig.frame()
    assert rig.fade.mix > 0.7 and not ended
    for _ in range(35):
        rig.frame()
    assert rig.fade is None and ended == [""]


def test_a_shader_that_cannot_be_drawn_is_reported_once(
    rig: Rig, play: Any, wait_for: Any, reports: Any
) -> None:
    for name in ("Glow", "Wave"):
        (shader,) = play(name)
        for _ in range(5):
            rig.frame(failures={shader: "shaders need OpenGL"})
        wait_for(lambda: rig.state() == "failed", "the failure")
        assert rig.detail() == "shaders need OpenGL"
    lines = [f"/fx/1/file: {name}: shaders need OpenGL" for name in ("Glow", "Wave")]
    assert [line for _, line in reports.lines] == lines


def test_the_shaders_of_two_looks_dissolve(rig: Rig, play: Any, wait_for: Any) -> None:
    old = play("Wave")["1"].file
    play("Glow")
    play("Wave")  # both have been tested
    new = [("/fx/1/file", "Glow"), ("/fx/1/mix", 0.8), ("/fx/1/1", 0.25)]
    rig.crossfade.start(entries_of(new), FadeTime(1.0), by="preset", is_picture=True)
    rig.frame()
    wait_for(lambda: rig.state() == "playing" and len(rig.frame()) == 2, "the new shader")
    shaders = rig.frame()
    # where it is compiled
    assert (shaders["1"].file, shaders["1"].mix, shaders["1"].is_outgoing) == (old, 1.0, True)
    assert (shaders["1-"].file.title, shaders["1-"].is_outgoing) == ("Glow", False)
    assert shaders["1-"].mix == pytest.approx(0.8, abs=0.01), (
        "its own, whatever the mix of its look"
    )
    for _ in range(40):
        shaders = rig.frame()
    assert [(slot, each.file.title, each.mix) for slot, each in shaders.items()] == [
        ("1-", "Glow", 0.8)
    ]


@pytest.mark.parametrize("name", ["Glow", "Broken"])
def test_a_cut_waits_until_the_shader_of_the_new_look_is_tested_and_for_none_that_is_chosen_later(
    rig: Rig, play: Any, wait_for: Any, name: str
) -> None:
    play("Wave")
    assert not rig.awaits_tests
    rig.tester.may_answer.clear()
    rig.crossfade.start(
        entries_of([("/fx/1/file", name)]), FadeTime(0.0), by="preset", is_picture=True
    )
    cut_s = rig.time_s
    rig.frame()
    assert rig.awaits_tests
    rig.tester.may_answer.set()

    def is_judged() -> bool:
        rig.time_s = cut_s
        rig.frame()
        return not rig.awaits_tests

    wait_for(is_judged, "the verdict")
    rig.tester.may_answer.clear()
    rig.store.set("/fx/generator/file", "Dawn", by="test")
    rig.frame()
    assert rig.player.is_cutting(rig.time_s) and not rig.awaits_tests
    rig.tester.may_answer.set()


def test_colours_named_after_the_palette_follow_it_and_take_no_alias(
    rig: Rig, play: Any, wait_for: Any
) -> None:
    colour = '{ "NAME": "%s", "TYPE": "color", "DEFAULT": [0.1, 0.2, 0.3, 1.0] },'
    text = shader().replace(
        '"INPUTS": [', '"INPUTS": [' + colour % "palette_1" + colour % "palette_4", 1
    )
    assert "palette_4" in text
    rig.write("Dyed", text)
    wait_for(lambda: rig.control.catalog.find("Dyed") is not None, "the new file")
    first = play("Dyed")["1"].inputs
    assert [view.aliases for view in rig.views.every] == [("/fx/1/1",), ("/fx/1/2",), ("/fx/1/3",)]
    ramp = ramp_rgb(((str(rig.store.get("/colour/palette")), 1.0),))
    assert first["palette_4"] == pytest.approx((*ramp[-1], 1.0)) and sum(first["palette_1"]) < sum(
        first["palette_4"]
    )
    rig.store.set("/colour/palette", "ember", by="test")
    for _ in range(200):
        shaders = rig.frame()
    assert shaders["1"].inputs["palette_4"] == pytest.approx(
        (*ramp_rgb((("ember", 1.0),))[-1], 1.0), abs=1e-3
    )
