"""The painter on CUDA: captured graphs paint what direct calls do, without needless waits or
copies."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers.models.embeddings import TimestepEmbedding
from PIL import Image

from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models.graphs import DirectRunner
from engine.models.random_models import seeded
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.single import paint
from tests.conftest import TinyModels
from tests.live.sd.rig import BASE, source_picture
from tests.support.cases import cases_of
from tests.support.fake_cuda.device import FakeCuda
from tests.support.fake_cuda.walking import HAS_CARD, reference_device, walked_card
from tests.support.long_form import IS_SOAK, in_long_form

Change = dict[str, Any]
CHANGES: dict[str, Any] = cases_of(__file__)
BACK: Change = CHANGES["back"]
FAMILIES: dict[str, tuple[dict[str, str], str]] = {
    "sd15": ({"kind": "sd15"}, "float32"),
    "sdxl": ({"kind": "sdxl"}, "float32"),
    "sd21": (
        {"kind": "sd21", "vae": "kl"},
        "float32",
    ),  # alone: such a VAE of random weights hides what the UNet makes
    "turbo": ({"kind": "turbo"}, "float16"),
    "distilled": ({"kind": "sd15"}, "float32"),
}
REGIONS = np.arange(64, dtype=np.uint8).reshape(8, 8) // 16
# Of 255. A half is rounded elsewhere, e.g. between a product and a bias. A real card also chooses
# the kernel by where the numbers lie, and a graph has its own buffers.
DIFFERENCE = {"float32": 1, "float16": 8 if HAS_CARD else 4}


def spec_of(models: TinyModels, family: str) -> ModelSpec:
    options, _ = FAMILIES[family]
    folder = models.sd(**options)
    if family == "sdxl":
        return ModelSpec(model=str(folder), controlnets=(str(models.t2i_adapter(channels=1)),))
    if family != "sd15":
        return ModelSpec(model=str(folder))
    return ModelSpec(
        model=str(folder),
        loras=((str(models.lora(folder)), 0.0),),
        controlnets=(str(models.controlnet(folder)), str(models.controlnet(folder, kinds=8))),
        depth=str(models.depth()),
        pose=str(models.pose()),
        ip_adapter=str(models.ip_adapter(folder)),
    )


def loaded(models: TinyModels, family: str, device: str) -> DiffusionModel:
    model = load(spec_of(models, family), device, FAMILIES[family][1])
    if family == "distilled":  # with guidance as an input, as LCM Dreamshaper
        with seeded(1):
            model.unet.time_embedding = (
                TimestepEmbedding(32, 128, cond_proj_dim=64).requires_grad_(False).to(device)
            )
        model.time_cond_proj_dim = 64
    return model


def painted(
    painter: Painter, show: list[Change], loop: Callable[[], Any]
) -> Iterator[tuple[Change, np.ndarray]]:
    """Two pictures of each scene: the first that comes out, and one `loop`."""
    values: Change = {**BASE, "/sd/lora/1/weight": 0.0}
    sources = map(source_picture, count())
    for change in show:
        values |= change
        painter.apply(read_settings(values))
        while (picture := painter.paint(next(sources), segmentation=source_picture(1))) is None:
            pass
        yield change, picture.pixels.copy()
        again = painter.feedback(1.05, 10.0)
        assert again is not None
        painter.paint(again, segmentation=source_picture(2))
        with loop() as tally:
            picture = painter.paint(next(sources), segmentation=source_picture(2), regions=REGIONS)
        assert picture is not None
        assert tally is None or (len(tally.waits), tally.random) == (1, []), change
        yield change, picture.pixels.copy()


@pytest.mark.parametrize("family", ["sd15", *in_long_form("sdxl", "turbo", "sd21", "distilled")])
def test_a_show_is_painted_from_graphs_as_by_direct_calls(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("first.png", "second.png")):
        Image.fromarray(source_picture(20 + number)).save(name)
    show = CHANGES["show" if IS_SOAK else "short"]
    if family == "sd15":
        show = [*show, BACK, *CHANGES["extras" if IS_SOAK else "short_extras"]]
    if family == "sdxl":
        show = [*show, {"/sd/controlnet/1/enable": True, "/sd/controlnet/1/source": "soft"}]
    with reference_device() as device:
        direct = Painter(
            loaded(tiny_models, family, device), note=print, calls=lambda *_: DirectRunner()
        )
        expected = list(painted(direct, show, nullcontext))
    with walked_card() as card:
        ours = list(
            painted(Painter(loaded(tiny_models, family, "cuda"), note=print), show, card.loop)
        )
    for (change, picture), (_, theirs) in zip(ours, expected, strict=True):
        assert np.abs(picture.astype(int) - theirs).max() <= DIFFERENCE[FAMILIES[family][1]], change


def test_a_single_picture_is_painted_as_by_a_cpu(tiny_models: TinyModels) -> None:
    source = source_picture(0)
    inputs: dict[str, Any] = {"controls": [(source_picture(1), 0.5)], "ip_image": source_picture(2)}
    settings: dict[str, Any] = {
        "prompt": "sea",
        "guidance": 2.0,
        "steps": 3,
        "width": 64,
        "height": 64,
    }
    expected = paint(loaded(tiny_models, "sd15", "cpu"), source, **settings, **inputs)
    with walked_card():
        ours = paint(loaded(tiny_models, "sd15", "cuda"), source, **settings, **inputs)
    # A real card adds in another order.
    assert np.abs(ours.astype(int) - expected).max() <= (2 if HAS_CARD else 1)


@pytest.mark.parametrize(
    ("family", "modes"), [("sd15", ["stream", "single"]), *in_long_form(("distilled", ["stream"]))]
)
def test_a_moved_fader_costs_one_upload_and_no_new_noise(
    fake_cuda: FakeCuda, tiny_models: TinyModels, family: str, modes: list[str]
) -> None:
    painter = Painter(loaded(tiny_models, family, "cuda"), note=print)
    for mode in modes:
        move_faders(fake_cuda, painter, family, mode)


def move_faders(fake_cuda: FakeCuda, painter: Painter, family: str, mode: str) -> None:
    values: Change = BASE | {"/sd/lora/1/weight": 0.0, "/sd/mode": mode, "/sd/guidance": 2.0}
    next(painted(painter, [values], nullcontext))
    moves: list[tuple[Change, int]] = [
        ({}, 0),
        ({"/sd/strength": 0.8}, 1),
        ({"/sd/strength": 0.9}, 1),
        (
            {"/sd/guidance": 2.5},
            2 if family == "distilled" else 1,
        ),  # its embedding is an input of the UNet
        ({"/sd/delta": 0.8}, 1 if mode == "stream" else 0),
        ({"/sd/seed": 5}, 2),  # the numbers, and the noise of another seed
        ({"/sd/seed": -1}, 1),
    ]
    for change, uploads in moves:
        values |= change
        with fake_cuda.loop() as tally:
            painter.apply(read_settings(values))
            first = painter.paint(source_picture(0))
        noise = len(tally.random)
        assert (len(tally.uploads), len(tally.waits), noise > 0) == (
            1 + uploads,
            1,
            change == {"/sd/seed": -1},
        ), change
    assert first is not None
    before, second = first.pixels.copy(), painter.paint(source_picture(0))
    assert second is not None and not np.array_equal(second.pixels, before), (
        "seed -1: noise of its own"
    )
