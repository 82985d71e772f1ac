"""The painter in this process: captured graphs must change no picture, and work is done only if
needed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models.device_work import DeviceCopies
from engine.models.sd.edges import canny_edges
from engine.models.sd.pixels import draw_soft_edges
from tests.conftest import TinyModels
from tests.live.sd.rig import BASE, DEFAULTS, source_picture
from tests.models.sd.upscalers import doubling


@pytest.fixture(scope="module")
def model(tiny_sd: Path, tiny_models: TinyModels) -> Any:
    from engine.models.sd import ModelSpec
    from engine.models.sd.load import load

    spec = ModelSpec(
        model=str(tiny_sd),
        loras=((str(tiny_models.lora(tiny_sd)), 0.0),),
        controlnets=(str(tiny_models.controlnet(tiny_sd)),),
        depth=str(tiny_models.depth()),
        pose=str(tiny_models.pose()),
        ip_adapter=str(tiny_models.ip_adapter(tiny_sd)),
    )
    return load(spec, "cpu", "float32")


def no_note(key: str, line: str) -> None:
    pytest.fail(f"{key}: {line}")


def test_calls_with_other_pieces_are_of_another_kind(model: Any) -> None:
    pieces: list[int] = []
    painter = Painter(model, note=no_note, between=lambda: pieces.append(1))
    counts: dict[object, set[int]] = {}
    single = DEFAULTS | BASE | {"/sd/mode": "single", "/sd/strength": 1.0}
    for values in (
        {"/sd/steps": 2},
        {"/sd/steps": 4},
        {"/sd/steps": 4, "/sd/controlnet/1/enable": True},
        {"/sd/steps": 4, "/sd/controlnet/1/enable": True, "/sd/controlnet/1/source": "depth"},
        {"/sd/steps": 4, "/sd/controlnet/1/enable": True, "/sd/controlnet/1/scale": 0.0},
        {"/sd/steps": 2},
    ):
        painter.apply(read_settings(single | values))
        pieces.clear()
        painter.paint(source_picture(0))
        counts.setdefault(painter.kind, set()).add(len(pieces))
    assert [len(found) for found in counts.values()] == [1, 1, 1, 1] and len(
        set.union(*counts.values())
    ) == 4


@pytest.mark.parametrize("mode", ["single", "stream"])
def test_a_knob_shows_in_the_next_painted_picture(model: Any, mode: str) -> None:
    """Also in a stream of several steps, whose other steps were taken before."""
    painter = Painter(model, note=lambda key, line: None)
    values = (
        DEFAULTS
        | BASE
        | {"/sd/mode": mode, "/sd/steps": 4, "/sd/guidance": 1.5, "/sd/prompt_b": "fire"}
    )
    values |= {
        "/sd/controlnet/1/enable": True,
        "/sd/ip_adapter/live": "source",
        "/sd/cfg_type": "full",
    }

    def painted() -> np.ndarray | None:
        painter.apply(read_settings(values))
        picture = painter.paint(source_picture(0))
        return None if picture is None else picture.pixels

    for address, value in (
        ("/sd/strength", 0.9),
        ("/sd/guidance", 3.0),
        ("/sd/lora/1/weight", 0.8),
        ("/sd/controlnet/1/scale", 0.2),
        ("/sd/prompt_mix", 0.5),
        ("/sd/ip_adapter/scale", 1.2),
    ):
        steady = [painted() for _ in range(5)][-2:]
        assert steady[0] is not None and np.array_equal(*steady), address
        values[address] = value
        picture = painted()
        assert picture is not None and not np.array_equal(picture, steady[0]), address


def test_guidance_without_effect_is_noted_once_and_the_effective_one_is_reported(
    model: Any,
) -> None:
    notes: list[tuple[str, str]] = []
    painter = Painter(
        replace(model, sampler="turbo"), note=lambda key, line: notes.append((key, line))
    )
    for guidance in (1.0, 3.0, 3.0):
        painter.apply(read_settings(BASE | {"/sd/guidance": guidance}))
    ((key, line),) = notes
    assert key == "guidance" and line.startswith(
        "/sd/guidance: 3 has no effect: turbo models were distilled"
    )
    assert painter.schedule.guidance == 1.0
    painter.apply(read_settings(BASE | {"/sd/negative": "fog"}))
    assert notes[1:] == [("negative", "/sd/negative: has no effect: it needs a guidance above 1")]
    distilled = Painter(replace(model, time_cond_proj_dim=32), note=no_note)
    for mode in ("stream", "single"):
        distilled.apply(read_settings(BASE | {"/sd/mode": mode}))
        assert distilled.schedule.guidance == 8.0
        distilled.apply(read_settings(BASE | {"/sd/mode": mode, "/sd/guidance": 2.5}))
        assert distilled.schedule.guidance == 2.5


def test_after_an_error_the_same_settings_can_be_applied_again(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from engine.models.sd.conditioner import Conditioner

    painter = Painter(model, note=no_note)
    painter.apply(read_settings(BASE))
    fire = read_settings(BASE | {"/sd/prompt": "fire", "/sd/width": 128})
    with monkeypatch.context() as broken:
        broken.setattr(Conditioner, "encode", failing(torch.OutOfMemoryError("full")))
        with pytest.raises(torch.OutOfMemoryError):
            painter.apply(fire)
    painter.free_memory()
    painter.apply(fire)
    painted = painter.paint(source_picture(0))
    assert painted is not None and painted.pixels.shape == (64, 128, 3)


def test_a_picture_that_overflows_in_the_vae_is_neither_shown_nor_fed_back(
    tiny_models: TinyModels,
) -> None:
    import torch

    from engine.models.graphs import GraphRunner
    from engine.models.sd import ModelSpec
    from engine.models.sd.load import load
    from tests.models.recorded_graphs import Recording

    model = load(ModelSpec(model=str(tiny_models.sd(vae="kl")), vae="full"), "cpu", "float32")
    painter = Painter(model, note=no_note, calls=lambda *_: GraphRunner(Recording()))
    painter.apply(read_settings(BASE))
    painted = painter.paint(source_picture(0))
    assert painted is not None and painted.is_finite
    good = painted.pixels.copy()
    with torch.no_grad():
        model.vae.decoder.conv_out.bias.fill_(float("inf"))
    painted = painter.paint(source_picture(1))
    assert painted is not None and not painted.is_finite
    last = painter.feedback(1.0, 0.0)
    assert last is not None and np.array_equal(last.numpy(), good)


def test_a_controlnet_gets_what_its_menus_say(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is uploaded once, without a wait; the source is there already."""
    from engine.models.sd.single import paint

    uploads: list[str] = []
    send = DeviceCopies.send
    monkeypatch.setattr(
        DeviceCopies,
        "send",
        lambda self, what, array: uploads.append(what) or send(self, what, array),
    )
    source, masks, second = (source_picture(seed) for seed in range(3))
    painter = Painter(model, note=no_note)

    def painted(sees: str, scale: float = 0.4, of: str = "source", **options: Any) -> np.ndarray:
        control = {"enable": True, "scale": scale, "source": sees, "from": of}
        values = {f"/sd/controlnet/1/{name}": value for name, value in control.items()}
        painter.apply(
            read_settings(BASE | {"/sd/mode": "single", "/sd/lora/1/weight": 0.0} | values)
        )
        picture = painter.paint(source, **options)
        assert picture is not None
        return picture.pixels.copy()

    def expected(image: np.ndarray | None) -> np.ndarray:
        controls = [] if image is None else [(image, 0.4)]
        return paint(model, source, prompt="sea", seed=1, width=64, height=64, controls=controls)

    black = np.zeros_like(source)
    wide = np.pad(
        masks.repeat(3, axis=0).repeat(3, axis=1), ((0, 0), (50, 50), (0, 0)), constant_values=255
    )
    soft = draw_soft_edges(second, (64, 64))
    first = painted("input", of="last")
    assert np.array_equal(first, expected(source)), "before the first picture: the source"
    second_time = painted("input", of="last")
    assert np.array_equal(second_time, expected(first)) and not np.array_equal(second_time, first)
    assert np.array_equal(painted("edges", of="last"), expected(canny_edges(second_time, (64, 64))))
    rgba = np.dstack([second, second[..., :1]])
    assert np.array_equal(
        painted("edges", of="second", second=rgba), expected(canny_edges(second, (64, 64)))
    )
    assert (
        np.abs(painted("soft", of="second", second=second).astype(int) - expected(soft)).max() <= 1
    )
    uploads.clear()
    for ours, theirs in (
        (painted("input", of="second", second=second), expected(second)),
        (painted("input", of="second"), expected(black)),
        (painted("sam3", of="second", second=second, segmentation=masks), expected(masks)),
        (painted("sam3", segmentation=masks), expected(masks)),
        (painted("sam3", segmentation=wide), expected(masks)),
        (painted("sam3"), expected(black)),
        (painted("input", segmentation=masks), expected(source)),
        (painted("edges", segmentation=masks), expected(canny_edges(source, (64, 64)))),
        (painted("sam3", segmentation=masks, scale=0.0), expected(None)),
    ):
        assert np.array_equal(ours, theirs)
    assert uploads == ["source", "second"] * 2 + ["source", "sam3"] * 4 + ["source"] * 3
    assert len({expected(array).tobytes() for array in (None, black, masks, source)}) == 4


def test_what_a_network_draws_for_a_controlnet_is_a_stage_of_its_own(model: Any) -> None:
    from engine.models.sd.pixels import Pixels
    from engine.models.sd.single import paint

    second = source_picture(2)
    rgb, painter = Pixels(model, 64, 64).crop_and_resize(second[None]), Painter(model, note=no_note)
    pictures = set()
    for sees in ("depth", "pose"):
        values = {"enable": True, "scale": 0.4, "source": sees, "from": "second"}
        control = {f"/sd/controlnet/1/{name}": value for name, value in values.items()}
        painter.apply(
            read_settings(BASE | {"/sd/mode": "single", "/sd/lora/1/weight": 0.0} | control)
        )
        painted = painter.paint(source_picture(0), second=second)
        depth = (model.detectors[sees].draw(rgb)[0].permute(1, 2, 0) * 255).round().byte().numpy()
        assert depth.std() > 5, "not the same everywhere"
        controls = [(depth, 0.4)]
        theirs = paint(
            model, source_picture(0), prompt="sea", seed=1, width=64, height=64, controls=controls
        )
        assert painted is not None and np.abs(painted.pixels.astype(int) - theirs).max() <= 1
        assert list(painter.clock.read_ms()) == ["encode", sees, "unet", "decode", "copy"]
        pictures.add(painted.pixels.tobytes())
    assert len(pictures) == 2


def test_a_picture_keeps_the_time_of_the_frame_it_was_made_from(model: Any) -> None:
    painter = Painter(model, note=no_note)
    for mode, lag in (("single", 0), ("stream", 2)):
        painter.apply(read_settings(BASE | {"/sd/steps": 3, "/sd/strength": 1.0, "/sd/mode": mode}))
        painted = [painter.paint(source_picture(index), time_s=10.0 + index) for index in range(5)]
        times_s = [picture.time_s for picture in painted if picture is not None]
        assert times_s == [10.0 + index for index in range(5 - lag)]


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise error

    return fail


def test_a_prompt_tag_sets_the_lora_weight_until_its_fader_is_moved(model: Any) -> None:
    (name,) = model.loras.names

    def painted(*changes: dict[str, Any]) -> np.ndarray:
        painter = Painter(model, note=no_note)
        values = BASE | {"/sd/mode": "single", "/sd/lora/1/weight": 0.0, "/sd/prompt": "a cat"}
        for change in changes:
            values |= change
            painter.apply(read_settings(values))
        result = painter.paint(source_picture(0))
        assert result is not None
        return result.pixels.copy()

    tag, by_fader = {"/sd/prompt": f"a cat <lora:{name}:0.7>"}, painted({"/sd/lora/1/weight": 0.7})
    by_tag = painted({}, tag)
    assert np.array_equal(by_tag, by_fader)
    taken_over = painted({}, tag, {"/sd/lora/1/weight": 0.2})
    at_02 = painted({"/sd/lora/1/weight": 0.2})
    assert np.array_equal(taken_over, at_02) and not np.array_equal(at_02, by_tag)
    untagged = painted({}, tag, {"/sd/prompt": "a cat"})
    assert np.array_equal(untagged, painted({}))


def test_an_enlarged_picture_is_the_same_picture_and_feeds_back_at_its_own_size(
    tiny_sd: Path, tmp_path: Path
) -> None:
    from engine.models.sd import ModelSpec
    from engine.models.sd.load import load

    upscaler = doubling(tmp_path / "net.safetensors")
    painter = Painter(
        load(ModelSpec(model=str(tiny_sd), upscaler=str(upscaler)), "cpu", "float32"), note=no_note
    )
    single = BASE | {"/sd/mode": "single"}
    pictures, kinds = {}, set()
    for upscale in ("off", "2x"):
        painter.apply(read_settings(single | {"/sd/upscale": upscale}))
        painted = painter.paint(source_picture(0))
        assert painted is not None
        pictures[upscale] = painted.pixels.copy()
        kinds.add(painter.kind)
        assert ("upscale" in painter.clock.read_ms()) == (upscale == "2x")
        fed_back = painter.feedback(1.0, 0.0)
        assert fed_back is not None and np.array_equal(fed_back.numpy(), pictures["off"])
    assert np.array_equal(pictures["2x"], pictures["off"].repeat(2, axis=0).repeat(2, axis=1))
    assert len(kinds) == 2, "its pieces are others"
