"""The diffusion child at work: a real process with a tiny model, fed through real rings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engine.ipc import FrameRing
from engine.live.kit.sent_values import GENERATION
from tests.conftest import TinyModels
from tests.live.sd.rig import SdRig, painting_core, source_picture

WaitFor = Callable[..., Any]
Open = Callable[..., SdRig]


@pytest.fixture(scope="module")
def shared_rig(fork_server: None, tiny_sd: Path) -> Iterator[SdRig]:
    rig = SdRig(tiny_sd)
    rig.supervisor.start()
    yield rig
    rig.close()


@pytest.fixture
def rig(shared_rig: SdRig, wait_for: WaitFor) -> SdRig:
    """A running child that has painted with the schema's defaults at 64 x 64."""
    wait_for(lambda: shared_rig.status.state in ("ready", "busy"), "the child")
    shared_rig.reset({})
    shared_rig.wait_until_applied(wait_for)
    wait_for(shared_rig.shows, "a picture")
    shared_rig.feed_one(wait_for)
    return shared_rig


@pytest.fixture(scope="module")
def paint(tiny_sd: Path) -> Callable[..., np.ndarray]:
    """The core's picture of the same source in this process."""
    return painting_core(tiny_sd)


def test_a_new_prompt_seed_strength_or_guidance_takes_effect_while_it_runs(
    rig: SdRig, wait_for: WaitFor, paint: Any
) -> None:
    rig.set({"/sd/mode": "single"})
    for values, options in (
        ({"/sd/prompt": "fire"}, {"prompt": "fire"}),
        ({"/sd/seed": 7}, {"prompt": "fire", "seed": 7}),
        (
            {"/sd/steps": 4, "/sd/strength": 0.75},
            {"prompt": "fire", "seed": 7, "steps": 4, "strength": 0.75},
        ),
        (
            {"/sd/guidance": 3.0, "/sd/negative": "ice"},
            {
                "prompt": "fire",
                "seed": 7,
                "steps": 4,
                "strength": 0.75,
                "guidance": 3.0,
                "negative": "ice",
            },
        ),
    ):
        rig.set(values)
        wait_for(lambda: rig.shows_just(paint(**options)), f"the picture with {values}")
    wait_for(lambda: rig.fact("steps") == 3, "the number of real steps")
    assert rig.fact("steps_asked") == 4


@pytest.mark.parametrize(("steps", "strength", "real"), [(2, 0.5, 1), (4, 1.0, 4)])
def test_a_prompt_takes_effect_within_steps_plus_one_calls_and_more_steps_hold_no_picture_back(
    rig: SdRig, wait_for: WaitFor, steps: int, strength: float, real: int
) -> None:
    rig.set({"/sd/steps": steps, "/sd/strength": strength})
    rig.wait_until_applied(wait_for)
    before = rig.newest()
    assert [rig.feed_one(wait_for).sequence - before.sequence for _ in range(real)] == list(
        range(1, real + 1)
    )
    for _ in range(real):
        rig.feed_one(wait_for)
    before = rig.newest()
    rig.set({"/sd/prompt": "fire", GENERATION: before.generation + 1})
    rig.wait_until_applied(wait_for)
    after = [rig.feed_one(wait_for) for _ in range(real + 1)]
    assert [frame.generation for frame in after] == [before.generation + 1] * (real + 1), (
        "from the first on"
    )
    assert np.array_equal(after[-2].pixels, after[-1].pixels), (
        "after as many calls as steps it has its full effect"
    )
    assert not np.array_equal(after[-1].pixels, before.pixels)


def test_paused_switched_off_or_in_an_interval_it_requests_no_pictures_and_paints_nothing(
    rig: SdRig, wait_for: WaitFor
) -> None:
    for resting in ({"/sd/paused": True}, {"/sd/enable": False}, {"/sd/interval_s": 10.0}):
        rig.set(resting)
        rig.wait_until_applied(wait_for)
        wait_for(lambda: not rig.supervisor.wants_frame, f"rest by {resting}")
        before = rig.newest()
        assert rig.feed_one(wait_for).sequence == before.sequence, resting
        rig.reset({})
        wait_for(rig.shows, "a picture again")


def test_feedback_continues_without_a_source(rig: SdRig, wait_for: WaitFor) -> None:
    rig.set({"/sd/source": "feedback", "/sd/feedback/rotate": 30.0, "/sd/feedback/zoom": 1.05})
    rig.wait_until_applied(wait_for)
    wait_for(lambda: not rig.supervisor.wants_frame, "that no source is wanted")
    fed, seen = rig.fed, {rig.newest().pixels.tobytes()}

    def look() -> bool:
        seen.add(rig.newest().pixels.tobytes())
        return len(seen) > 4

    wait_for(look, "pictures that follow from each other")
    assert rig.fed == fed


def test_a_feedback_starts_from_the_engines_picture(
    open_sd: Open, tiny_sd: Path, wait_for: WaitFor, paint: Any
) -> None:
    rig = open_sd(tiny_sd, values={"/sd/source": "feedback", "/sd/paused": True})
    wait_for(lambda: rig.status.state == "ready", "the child")
    rig.feed()
    rig.set({"/sd/paused": False, "/sd/interval_s": 10.0})
    wait_for(lambda: rig.shows_just(paint()), "the source painted again, and not grey")


def test_a_picture_like_the_last_is_skipped_and_counted_until_a_value_changes(
    rig: SdRig, wait_for: WaitFor
) -> None:
    rig.set({"/sd/similarity/enable": True})
    rig.wait_until_applied(wait_for)
    painted = rig.feed_one(wait_for)
    assert rig.feed_one(wait_for).sequence == rig.feed_one(wait_for).sequence == painted.sequence
    rig.set({"/sd/prompt": "fire"})
    rig.wait_until_applied(wait_for)
    assert rig.feed_one(wait_for).sequence == painted.sequence + 1
    wait_for(lambda: rig.fact("skipped") == 2, "the count")


def test_a_numbered_prompt_and_the_second_seed_are_blended_in(
    rig: SdRig, wait_for: WaitFor, paint: Any
) -> None:
    rig.set({"/sd/prompts/1/text": "ice", "/sd/prompts/2/text": "fire", "/sd/seed_b": 9})
    wait_for(
        lambda: rig.shows_just(paint(prompt="ice")), "the first of them in place of /sd/prompt"
    )
    rig.set({"/sd/prompts/1/weight": 0.0, "/sd/prompts/2/weight": 0.1})
    wait_for(
        lambda: rig.shows_just(paint(prompt="fire")), "the second, whose weight is the only one"
    )
    rig.set({"/sd/seed_mix": 1.0})
    wait_for(lambda: rig.shows_just(paint(prompt="fire", seed=9)), "the noise of the second seed")
    rig.set({"/sd/prompts/2/weight": 0.0, "/sd/seed_mix": 0.0})
    wait_for(lambda: rig.shows_just(paint()), "the plain prompt again")


def test_a_t_index_overrides_the_steps_and_an_invalid_one_is_noted(
    rig: SdRig, wait_for: WaitFor
) -> None:
    rig.set({"/sd/t_index": "12 25 38"})
    wait_for(lambda: rig.shows() and rig.fact("steps") == 3, "three steps")
    rig.set({"/sd/t_index": "38 12"})
    wait_for(lambda: "38 12" in rig.last_report("t_index"), "a report of it")
    wait_for(lambda: rig.shows() and rig.fact("steps") == 1, "steps and strength again")


def test_it_reports_its_facts(rig: SdRig, wait_for: WaitFor) -> None:
    wait_for(lambda: rig.shows() and (rig.fact("fps") or 0) > 0, "its figures")
    facts = rig.status.facts
    assert {
        "encode_ms",
        "unet_ms",
        "decode_ms",
        "other_ms",
        "memory_mb",
        "duty",
        "slice_p99_ms",
        "nan",
    } <= set(facts)
    assert facts["family"] == "sd15" and facts["sampler"] == "lcm" and facts["device"] == "cpu"
    assert facts["size"] == "64x64"
    assert "LCMScheduler" in str(facts["sampler_why"]) and facts["prediction"] == "epsilon"
    assert facts["guidance"] == 1.0


def test_a_model_with_its_own_sampler_paints_in_single_mode_with_a_note(
    open_sd: Open, tiny_models: TinyModels, wait_for: WaitFor
) -> None:
    rig = open_sd(tiny_models.sd(sampler="ddim"))
    wait_for(rig.shows, "a picture")
    wait_for(lambda: "using mode single" in rig.last_report("mode"), "a note about it")


def test_loras_controlnets_and_an_ip_adapter_change_the_picture_unless_their_weight_is_zero(
    open_sd: Open,
    tiny_sd: Path,
    tiny_models: TinyModels,
    tmp_path: Path,
    wait_for: WaitFor,
    paint: Any,
) -> None:
    plain = paint()
    adapter = tiny_models.ip_adapter(tiny_sd)
    spec = {
        "loras": [[str(tiny_models.lora(tiny_sd)), 1.0]],
        "controlnets": [str(tiny_models.controlnet(tiny_sd))],
        "ip_adapter": str(adapter),
    }
    rig = open_sd(tiny_sd, spec=spec, values={"/sd/lora/1/weight": 0.0})

    def is_plain(frame: Any) -> bool:
        return bool((frame.pixels == plain).all())

    wait_for(lambda: rig.shows(is_plain), "the model alone")
    picture = tmp_path / "face.png"
    cv2.imwrite(str(picture), source_picture(3))
    for on, off in (
        ({"/sd/lora/1/weight": 1.0}, {"/sd/lora/1/weight": 0.0}),
        ({"/sd/controlnet/1/enable": True}, {"/sd/controlnet/1/scale": 0.0}),
        (
            {"/sd/controlnet/1/scale": 1.0, "/sd/controlnet/1/source": "input"},
            {"/sd/controlnet/1/enable": False},
        ),
        ({"/sd/ip_adapter/image": str(picture)}, {"/sd/ip_adapter/scale": 0.0}),
        ({"/sd/ip_adapter/scale": 1.0}, {"/sd/ip_adapter/image": ""}),
        (
            {"/sd/ip_adapter/image_d": str(picture), "/sd/ip_adapter/weight_d": 0.5},
            {"/sd/ip_adapter/weight_d": 0.0},
        ),
        ({"/sd/ip_adapter/weight_d": 0.5}, {"/sd/ip_adapter/image_d": ""}),
        ({"/sd/ip_adapter/live": "source"}, {"/sd/ip_adapter/weight_live": 0.0}),
        ({"/sd/ip_adapter/weight_live": 0.5}, {"/sd/ip_adapter/live": "off"}),
        (
            {"/sd/ip_adapter/live": "last"},
            {f"/sd/ip_adapter/{block}": 0.0 for block in ("down", "mid", "up")},
        ),
    ):
        rig.set(on)
        wait_for(lambda: rig.shows(lambda frame: not is_plain(frame)), f"a change by {on}")
        rig.set(off)
        wait_for(lambda: rig.shows(is_plain), f"the model alone with {off}")
    rig.set(
        {
            "/sd/ip_adapter/image": str(picture),
            "/sd/ip_adapter/live": "off",
            "/sd/ip_adapter/up": 1.0,
        }
    )
    followed = wait_for(
        lambda: rig.shows(lambda frame: not is_plain(frame)), "the picture that is followed"
    )
    rig.set({"/sd/ip_adapter/image": str(tmp_path / "none.png")})
    wait_for(
        lambda: (rig.shows(), rig.last_report("picture"))[1], "a report of the missing picture"
    )
    assert "none.png" in rig.last_report("picture")
    assert (rig.feed_one(wait_for).pixels == followed.pixels).all()


@pytest.mark.parametrize(
    ("ring_of", "menu", "item"), [("segments", "source", "sam3"), ("second", "from", "second")]
)
def test_a_controlnet_uses_further_pictures_of_any_size_and_black_before_the_first(
    open_sd: Open,
    tiny_sd: Path,
    tiny_models: TinyModels,
    wait_for: WaitFor,
    ring_of: str,
    menu: str,
    item: str,
) -> None:
    nets = (str(tiny_models.controlnet(tiny_sd)),)
    core = painting_core(tiny_sd, controlnets=nets)
    control = {"/sd/controlnet/1/enable": True, f"/sd/controlnet/1/{menu}": item}
    rig = open_sd(tiny_sd, spec={"controlnets": list(nets)}, values=control)

    def seeing(found: np.ndarray) -> np.ndarray:
        return core(controls=[(found, 1.0)])

    black = seeing(np.zeros((64, 64, 3), np.uint8))
    wait_for(lambda: rig.shows_just(black), "the picture of nothing found")
    for seed, times in ((1, 1), (2, 4), (3, 1)):
        found = source_picture(seed)
        ring = FrameRing.create("found", 64 * times, 64 * times, channels=3)
        rig.supervisor.connect_input(ring_of, ring.segment)
        large = found.repeat(times, axis=0).repeat(times, axis=1)
        ring.write(large, index=seed, time_s=float(seed))
        expected = seeing(found if item == "sam3" else large)  # the colours of masks are not mixed
        assert not np.array_equal(expected, black)
        wait_for(lambda: rig.shows_just(expected), f"what was found, {64 * times} px wide")
        ring.close()
    rig.set({f"/sd/controlnet/1/{menu}": {"source": "input", "from": "source"}[menu]})
    source = seeing(source_picture(0))
    wait_for(lambda: rig.shows_just(source), "the source")
