"""The voice on a card: graphs sound like direct calls, whatever is set, and a block costs one
wait."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from engine.models.graphs import DirectRunner
from engine.models.rvc import VoiceSettings, VoiceSpec
from engine.models.rvc.cutting import CutLengths
from engine.models.rvc.load import load
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.offline import VoiceConverter
from engine.models.rvc.optimization import OptimizationConfig
from engine.models.rvc.stream import LiveVoice
from tests.models.rvc.streaming import spoken
from tests.support.fake_cuda.device import FakeCuda
from tests.support.fake_cuda.walking import HAS_CARD, reference_device, walked_card
from tests.support.long_form import in_long_form
from tests.support.needed import require

RATE_HZ = 48_000
SPEC = VoiceSpec(model="random:tiny", index="random:2000", pitch="yin")
SHOW: list[dict[str, Any]] = [
    {},
    {"index_rate": 0.5, "protect": 0.2, "pitch": 3.0},
    {"formant": 1.0},
    {"formant": 0.0, "rms_mix": 0.5, "is_autotuned": True},
    {"threshold_db": -40.0},
]
WAYS: list[Any] = [
    ("tiny-refinegan", "fcpe", [SHOW[1], SHOW[2] | SHOW[4]]),
    *in_long_form(("tiny", "yin", SHOW), ("tiny", "fcpe", SHOW), ("tiny-refinegan", "yin", SHOW)),
]


@pytest.fixture(scope="module", autouse=True)
def libraries() -> None:
    load(SPEC, "cpu", "float32")  # imports them before a card is put in place


def live_on(model: VoiceModel, **options: Any) -> LiveVoice:
    return LiveVoice(model, rate_hz=RATE_HZ, block_ms=100, crossfade_ms=50, extra_ms=300, **options)


def converted(
    live: LiveVoice, show: list[dict[str, Any]], loop: Callable[[], Any] = nullcontext
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Convert three blocks of each scene: two that may be the first at an odd or even hop, and one
    `loop`."""
    frames = live.grid.block
    sound = spoken(RATE_HZ, 3 * len(show) * frames / RATE_HZ)
    for number, first in enumerate(range(0, len(sound), frames)):
        live.settings = replace(live.settings, **show[number // 3])
        with loop() if number % 3 == 2 else nullcontext():
            block = live.convert(sound[first : first + frames], first_sample=first)
        yield show[number // 3], block


@pytest.mark.parametrize(("shape", "pitch", "show"), WAYS)
def test_a_live_voice_from_graphs_sounds_like_one_by_direct_calls(
    shape: str, pitch: Any, show: list[dict[str, Any]]
) -> None:
    if pitch == "fcpe":
        require(find_spec("torchfcpe"), "FCPE")
    spec = replace(SPEC, model=f"random:{shape}", pitch=pitch)
    with reference_device() as device:
        expected = list(
            converted(live_on(load(spec, device, "float32"), runner=DirectRunner()), show)
        )
    with walked_card() as card:
        ours = list(converted(live_on(load(spec, "cuda", "float32")), show, card.loop))
    for (change, block), (_, theirs) in zip(ours, expected, strict=True):
        assert np.abs(block - theirs).max() <= 1e-4, change
    assert all(np.abs(block).max() > 1e-3 for _, block in ours)


def test_half_precision_is_captured_too() -> None:
    # A real card chooses the kernel by where the numbers lie, and a graph has its own buffers.
    difference = 1e-2 if HAS_CARD else 1e-4
    with walked_card() as card:
        half = load(SPEC, "cuda", "float16")
        ours = converted(live_on(half), SHOW[:1], card.loop)
        # a CPU rounds halves at other places
        expected = converted(live_on(half, runner=DirectRunner()), SHOW[:1])
        for (_, block), (_, theirs) in zip(ours, expected, strict=True):
            assert np.abs(block - theirs).max() <= difference < np.abs(block).max()


def test_a_block_costs_one_wait_one_upload_and_four_replays(fake_cuda: FakeCuda) -> None:
    live = live_on(load(SPEC, "cuda", "float32"))
    live.warm_up()
    sound = spoken(RATE_HZ, 0.4)
    for first in range(0, 2 * live.grid.block, live.grid.block):
        with fake_cuda.loop() as tally:
            live.convert(sound[first : first + live.grid.block], first_sample=first)
        assert (len(tally.waits), len(tally.uploads), tally.replays) == (1, 1, 4)
    for number in range(2, 4):  # a block that is only heard uses the same pinned memory
        first = number * live.grid.block
        live.listen(sound[first : first + live.grid.block], first_sample=first)


@pytest.mark.skipif(
    HAS_CARD, reason="has a CUDA device, which draws other noise and adds in another order"
)
def test_a_whole_sound_is_converted_as_by_a_cpu_with_two_waits_a_batch() -> None:
    """Its copies are pageable: the host has nothing to do until the result of many seconds of sound
    is there."""

    def converter_on(device: str) -> VoiceConverter:
        cutting = CutLengths(pad_s=0.25, query_s=0.2, center_s=0.8, max_s=1.0)
        settings, options = (
            VoiceSettings(index_rate=0.5, formant=1.0),
            OptimizationConfig.for_device(device),
        )
        return VoiceConverter(load(SPEC, device, "float32"), settings, options, cutting=cutting)

    sound = spoken(16_000, 1.5)
    expected = converter_on("cpu").convert_sound(sound)
    with walked_card() as card:
        converter = converter_on("cuda")
        with card.tally() as tally:
            ours = converter.convert_sound(sound)
    assert len(tally.waits) == 2 * 2 + 4, (
        "two batches; the filter, and tables that stay on the card"
    )
    assert ours.shape == expected.shape and np.abs(ours).max() > 0.1
    assert np.abs(ours - expected).max() <= 1e-4
