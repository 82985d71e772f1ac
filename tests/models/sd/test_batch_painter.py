"""Batches in three stages: the same pictures in any process, and no invalid pictures."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.errors import DeviceFullError, ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.batch_painter import BatchPainter, load_painter
from engine.models.sd.batch_pipeline import BatchPipeline
from engine.models.sd.edges import canny_edges
from engine.models.sd.load import load
from engine.models.sd.painting import BLACK, GOOD, NOT_FINITE, RERUN, ControlUse, Painting
from engine.models.sd.single import paint
from engine.sources.still import read_still
from tests.conftest import TinyModels
from tests.models.sd.oracle import painted_by, pipeline_of

WIDTH, HEIGHT = 104, 72  # latents of 13 x 9: neither side can be halved
NAN, FOR_EVER = float("nan"), 10**9


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """(count, HEIGHT, WIDTH, 3) uint8: soft blotches, different in each picture."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 9, 13, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(each).resize((WIDTH, HEIGHT))) for each in small])


def painting_of(folder: Path, **changes: Any) -> Painting:
    names = ("loras", "controlnets", "ip_adapter", "vae", "accelerator")
    spec = ModelSpec(
        model=str(folder), **{name: changes.pop(name) for name in names if name in changes}
    )
    usual = {
        "prompt": "the cat",
        "negative": "grey",
        "steps": 4,
        "strength": 0.5,
        "cfg": 2.0,
        "seed": 7,
    }
    return Painting(spec=spec, **usual | changes)


def painter_of(painting: Painting) -> BatchPainter:
    return load_painter(painting, "cpu", "float32", WIDTH, HEIGHT, read_picture=read_still)


@pytest.fixture(scope="module")
def usual(tiny_sd: Path) -> BatchPainter:
    return painter_of(painting_of(tiny_sd))


def test_a_picture_whose_latents_cannot_be_halved_is_that_of_diffusers(
    tiny_sd: Path, usual: BatchPainter
) -> None:
    pipeline = pipeline_of(tiny_sd)
    usual.change(painting_of(tiny_sd))
    sources = pictures(2)
    painted, outcomes = usual.paint(sources)
    for ours, picture in zip(painted, sources, strict=True):
        settings = {
            "steps": 4,
            "strength": 0.5,
            "seed": 7,
            "negative_prompt": "grey",
            "guidance_scale": 2.0,
        }
        assert (
            np.abs(ours - painted_by(pipeline, "the cat", picture, **settings)[0] * 255.0).max()
            <= 0.51
        )
    assert outcomes.tolist() == [GOOD, GOOD]
    assert usual.real_steps == 2


def test_a_batch_applies_all_settings_like_single_pictures(
    tiny_models: TinyModels, tiny_sd: Path, tmp_path: Path
) -> None:
    """LoRA at another weight, two ControlNets and an IP-Adapter; test_single compares with
    diffusers."""
    sources, followed = pictures(1), pictures(1, seed=5)[0]
    Image.fromarray(followed).save(tmp_path / "followed.png")
    nets = (str(tiny_models.controlnet(tiny_sd)), str(tiny_models.controlnet(tiny_sd, seed=9)))
    painting = painting_of(
        tiny_sd,
        loras=((str(tiny_models.lora(tiny_sd)), 0.0),),
        lora_weights=(0.7,),
        controlnets=nets,
        controls=(ControlUse(sees="edges", scale=0.5), ControlUse(sees="input", scale=1.5)),
        ip_adapter=str(tiny_models.ip_adapter(tiny_sd)),
        ip_image=str(tmp_path / "followed.png"),
        ip_scale=0.8,
    )
    painted, _ = painter_of(painting).paint(sources)
    model = load(painting.spec, "cpu", "float32")
    model.loras.set_weights(dict.fromkeys(model.loras.names, 0.7))
    model.ip_adapter.set_scale(0.8)
    settings = {
        "prompt": "the cat",
        "negative": "grey",
        "steps": 4,
        "strength": 0.5,
        "guidance": 2.0,
        "seed": 7,
    }
    controls = [(canny_edges(sources[0], (WIDTH, HEIGHT)), 0.5), (sources[0], 1.5)]
    expected = paint(
        model,
        sources[0],
        width=WIDTH,
        height=HEIGHT,
        controls=controls,
        ip_image=followed,
        **settings,
    )
    assert np.abs(painted[0].astype(int) - expected).max() <= 1


def test_alternating_clients_get_their_own_pictures_without_encoding_texts_again(
    tiny_models: TinyModels, tiny_sd: Path
) -> None:
    lora = ((str(tiny_models.lora(tiny_sd)), 0.0),)
    paintings = [
        painting_of(tiny_sd, loras=lora, prompt="fire"),
        painting_of(tiny_sd, loras=lora, prompt="fire", lora_weights=(1.0,)),
        painting_of(
            tiny_sd, loras=lora, prompt="fire", lora_weights=(1.0,), strength=0.9, sampler="dpm"
        ),
    ]
    sources = pictures(1)
    expected = [painter_of(painting).paint(sources)[0] for painting in paintings]
    painter = painter_of(paintings[0])
    texts: list[None] = []
    painter.model.text_encoders[0].register_forward_hook(lambda *call: texts.append(None))
    for _round in range(3):
        for painting, picture in zip(paintings, expected, strict=True):
            painter.change(painting)
            assert np.array_equal(painter.paint(sources)[0], picture)
        assert len(texts) == 2, (
            "the prompt and its negative through the LoRA's text encoder, in the first round"
        )
    assert [len(set(map(bytes, expected))), painter.real_steps] == [3, 3]


def test_a_painting_must_use_only_loaded_parts(tiny_sd: Path, usual: BatchPainter) -> None:
    for changes, reason in (
        ({"controls": (ControlUse(),)}, "has 0 ControlNets, but settings for 1 are given"),
        ({"lora_weights": (1.0, 0.5)}, "has 0 LoRAs, but weights for 2 are given"),
        ({"ip_image": "face.png"}, "face.png: a picture prompt needs an IP-Adapter"),
        ({"sampler": "lcm", "steps": 51}, "51 steps: this LCM model supports at most 50"),
    ):
        with pytest.raises(ModelError, match=reason):
            usual.change(painting_of(tiny_sd, **changes))


class Fault:
    """Corrupts the output of a layer in its next calls, in some rows."""

    def __init__(self, layer: torch.nn.Module, rows: list[int], value: float, calls: int) -> None:
        self.rows, self.value, self.left = rows, value, calls
        self._hook = layer.register_forward_hook(self)

    def __call__(self, layer: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        if not self.left:
            return output
        self.left -= 1
        spoilt = output.clone()
        spoilt[self.rows] = self.value
        return spoilt

    def end(self) -> None:
        self._hook.remove()


@pytest.fixture
def faulty(tiny_sd: Path, usual: BatchPainter) -> Iterator[Any]:
    """`faulty(part, rows, value, calls)`: corrupt the next `calls` outputs of the UNet or the VAE's
    decoder."""
    usual.change(painting_of(tiny_sd, cfg=1.0, strength=0.25))
    faults: list[Fault] = []

    def spoil(part: str, rows: list[int], value: float, calls: int) -> None:
        layer = usual.model.unet.conv_out if part == "unet" else usual.model.vae.decoder
        faults.append(Fault(layer, rows, value, calls))

    yield spoil
    for fault in faults:
        fault.end()


@pytest.mark.parametrize(
    ("part", "value", "calls", "outcome"),
    [
        ("unet", NAN, 1, RERUN),
        ("unet", float("inf"), FOR_EVER, NOT_FINITE),
        ("decoder", NAN, 2, RERUN),
        ("decoder", -9.0, 2, RERUN),
    ],
)
def test_an_invalid_picture_is_painted_again_and_the_others_stay_unchanged(
    usual: BatchPainter, faulty: Any, part: str, value: float, calls: int, outcome: int
) -> None:
    sources = pictures(3)
    expected, outcomes = usual.paint(sources)
    assert outcomes.tolist() == [GOOD] * 3
    # A CPU decodes picture by picture: the first two calls are the first two pictures.
    faulty(part, [1] if part == "unet" else [0], value, calls)
    painted, outcomes = usual.paint(sources)
    assert outcomes.tolist() == (
        [GOOD, outcome, GOOD] if part == "unet" else [outcome, outcome, GOOD]
    )
    unchanged = [0, 1, 2] if outcome == RERUN else [0, 2]
    assert np.array_equal(painted[unchanged], expected[unchanged])


def test_black_is_invalid_unless_the_source_is_black(usual: BatchPainter, faulty: Any) -> None:
    sources = pictures(3)
    sources[1] = 0
    faulty("decoder", [0], -9.0, FOR_EVER)
    painted, outcomes = usual.paint(sources)
    assert not painted.any()
    assert outcomes.tolist() == [BLACK, GOOD, BLACK]


def test_constant_latents_count_as_black(tiny_sd: Path) -> None:
    """A UNet that predicts the same flat grey from any noise."""
    painter = painter_of(painting_of(tiny_sd, cfg=1.0))
    model = painter.model
    model.scheduler_config["prediction_type"] = model.prediction_type = "sample"
    with torch.no_grad():
        model.unet.conv_out.weight.zero_()
    painter = BatchPainter(model, painting_of(tiny_sd, cfg=1.0, sampler="turbo"), WIDTH, HEIGHT)
    _, outcomes = painter.paint(pictures(2))
    assert outcomes.tolist() == [BLACK, BLACK]


def test_out_of_memory_is_reported_with_size_and_batch(
    usual: BatchPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        BatchPipeline, "encode", lambda *about: torch.empty(1 << 60, dtype=torch.uint8)
    )
    reason = (
        f"{WIDTH} x {HEIGHT} in batches of 3 do not fit into the memory of cpu; use a "
        "smaller --batch"
    )
    with pytest.raises(DeviceFullError, match=reason):
        usual.paint(pictures(3))
    usual.free_memory()


def test_a_prompt_that_is_too_long_is_noted_once(tiny_sd: Path) -> None:
    painting = painting_of(tiny_sd, prompt="the cat " * 160)
    painter = painter_of(painting)
    painter.change(replace(painting, negative="grey " * 320))
    assert len(painter.notes) == 2
    assert painter.notes[0].startswith("300 tokens of the prompt are used")
