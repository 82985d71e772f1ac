"""The painter on a card: captured graphs paint what direct calls do, through every change of a show, without a wait or
a copy too many."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models.graphs import DirectCalls
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.single import paint
from tests.conftest import TinyModels
from tests.live.sd.studio import BASE, source_picture
from tests.support.long_form import IS_SOAK
from tests.support.sham_card.card import ShamCard
from tests.support.sham_card.walking import REFERENCE, walked_card

Change = dict[str, Any]
SHOW: list[Change] = [
    {},
    {"/sd/prompt": "fire"},
    {"/sd/prompt_b": "ice", "/sd/prompt_mix": 0.3},
    {"/sd/guidance": 2.5, "/sd/negative": "fog"},
    {"/sd/cfg_type": "full"},
    {"/sd/cfg_type": "initialise"},
    {"/sd/delta": 0.7},
    {"/sd/seed": 9},
    {"/sd/steps": 4},
    {"/sd/strength": 0.8},
    {"/sd/width": 128},
    {"/sd/height": 192},
    {"/sd/mode": "single"},
    {"/sd/steps": 3, "/sd/guidance": 1.0},
    {"/sd/width": 64, "/sd/height": 64, "/sd/mode": "stream"},
    {"/sd/t_index": "20 30"},
]
EXTRAS: list[Change] = [
    {"/sd/lora/1/weight": 0.7},
    {"/sd/controlnet/1/enable": True},
    {"/sd/controlnet/1/scale": 0.4, "/sd/controlnet/1/source": "input"},
    {"/sd/controlnet/1/source": "sam3"},
    {"/sd/controlnet/1/enable": False},
    {"/sd/ip_adapter/scale": 0.6},
]
"""For a model with a LoRA, a ControlNet and an IP-Adapter."""
SHORT: list[Change] = [
    {},
    {"/sd/prompt": "fire", "/sd/guidance": 2.5, "/sd/negative": "fog", "/sd/cfg_type": "full"},
    {"/sd/steps": 4, "/sd/strength": 0.8, "/sd/width": 128},
    {"/sd/mode": "single"},
]
FAMILIES: dict[str, tuple[dict[str, str], str]] = {
    "sd15": ({"kind": "sd15"}, "float32"),
    "sdxl": ({"kind": "sdxl", "vae": "kl"}, "float32"),
    "sd21": ({"kind": "sd21", "vae": "kl"}, "float32"),
    "turbo": ({"kind": "turbo"}, "float16"),
}
DIFFERENCE = {"float32": 1, "float16": 4}  # of 255: a half is rounded elsewhere, e.g. between a product and a bias


def spec_of(models: TinyModels, family: str) -> ModelSpec:
    options, _ = FAMILIES[family]
    folder = models.sd(**options)
    if family != "sd15":
        return ModelSpec(model=str(folder))
    return ModelSpec(
        model=str(folder),
        loras=((str(models.lora(folder)), 0.0),),
        controlnets=(str(models.controlnet(folder)),),
        ip_adapter=str(models.ip_adapter(folder)),
    )


def painted(painter: Painter, show: list[Change], loop: Callable[[], Any]) -> Iterator[tuple[Change, np.ndarray]]:
    """Two pictures of each scene: the first that comes out, and one `loop`."""
    values: Change = {**BASE, "/sd/lora/1/weight": 0.0}
    sources = map(source_picture, count())
    for change in show:
        values |= change
        painter.take(read_settings(values))
        while (picture := painter.paint(next(sources), found=source_picture(1))) is None:
            pass
        yield change, picture.pixels.copy()
        again = painter.feedback(1.05, 10.0)
        assert again is not None
        painter.paint(again, found=source_picture(2))
        with loop() as tally:
            picture = painter.paint(next(sources), found=source_picture(2))
        assert picture is not None
        assert tally is None or (len(tally.waits), tally.random) == (1, []), change
        yield change, picture.pixels.copy()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_show_is_painted_from_graphs_as_by_direct_calls(tiny_models: TinyModels, family: str) -> None:
    spec, dtype = spec_of(tiny_models, family), FAMILIES[family][1]
    show = SHOW + EXTRAS if family == "sd15" else SHOW if IS_SOAK else SHORT
    direct = Painter(load(spec, REFERENCE, dtype), note=print, calls=lambda *_: DirectCalls())
    expected = list(painted(direct, show, nullcontext))
    with walked_card() as card:
        ours = list(painted(Painter(load(spec, "cuda", dtype), note=print), show, card.loop))
    for (change, picture), (_, theirs) in zip(ours, expected, strict=True):
        assert np.abs(picture.astype(int) - theirs).max() <= DIFFERENCE[dtype], change


def test_a_single_picture_is_painted_as_by_a_cpu(tiny_models: TinyModels) -> None:
    spec, source = spec_of(tiny_models, "sd15"), source_picture(0)
    shown: dict[str, Any] = {"controls": [(source_picture(1), 0.5)], "ip_image": source_picture(2)}
    asked: dict[str, Any] = {"prompt": "sea", "guidance": 2.0, "steps": 3, "width": 64, "height": 64}
    expected = paint(load(spec, REFERENCE, "float32"), source, **asked, **shown)
    with walked_card():
        ours = paint(load(spec, "cuda", "float32"), source, **asked, **shown)
    assert np.abs(ours.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("fader", ["strength", "delta", "guidance"])
def test_a_moved_fader_costs_one_upload_and_no_new_noise(sham_card: ShamCard, tiny_sd: Path, fader: str) -> None:
    painter = Painter(load(ModelSpec(model=str(tiny_sd)), "cuda", "float32"), note=print)
    values: Change = BASE | {"/sd/guidance": 2.0}
    painter.take(read_settings(values))
    for value in (0.8, 0.9):
        with sham_card.loop() as tally:
            painter.take(read_settings(values | {f"/sd/{fader}": 2.0 + value if fader == "guidance" else value}))
        assert ([note.what for note in tally.uploads], tally.waits, tally.random) == (["pinned"], [], [])
    with sham_card.tally() as tally:
        painter.take(read_settings(values | {"/sd/seed": 5}))
    assert len(tally.uploads) == 2, "the numbers, and the noise of another seed"
