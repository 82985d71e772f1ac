"""The excitation and the sounding part of a window equal those of the whole, and those of the
window before."""

import math

import pytest
import torch

from engine.models.graphs import DirectRunner, noop
from engine.models.rvc.grid import BlockGrid
from engine.models.rvc.model import VoiceModel
from engine.models.rvc.pitch.coarse import coarse
from engine.models.rvc.source import SineSource
from engine.models.rvc.spec import VoiceSettings
from engine.models.rvc.synthesizer import NOISE_SCALE
from engine.models.rvc.window_synthesizer import WindowSynthesizer
from tests.models.rvc.streaming import level_db
from tests.support.long_form import in_long_form
from tests.support.tiny_voice import tiny_shape

GRID = BlockGrid.of(48_000, block_ms=100, crossfade_ms=50, extra_ms=1000)
HOP = 480
RATE_HZ = 48_000


def random_features(hops: int) -> torch.Tensor:
    return torch.randn(1, hops, 768, generator=torch.Generator().manual_seed(1))


def sung(hops: int) -> torch.Tensor:
    """Pitch of a glide with a gap and a jump, (1, hops) Hz."""
    f0 = 200.0 * 2.0 ** (torch.arange(hops)[None] / 300.0)
    f0[:, 90:97] = 0.0
    f0[:, 140:] *= 1.4
    return f0


@torch.no_grad()
def follow(
    synth: WindowSynthesizer, phone: torch.Tensor, f0: torch.Tensor, settings: VoiceSettings
) -> torch.Tensor:
    return synth.synthesize(phone, f0, settings, noop, lambda stage_name: None)[0]


@torch.no_grad()
def test_the_sounding_part_equals_that_of_the_whole_window(random: VoiceModel) -> None:
    synth = WindowSynthesizer(random, GRID, DirectRunner())
    window = GRID.window_hops
    phone, f0 = random_features(window), sung(window)
    sound = follow(synth, phone, f0, VoiceSettings())
    synthesizer, hop, hops = random.synthesizer, random.synthesizer.shape.hop, synth.hops
    mean, log_sd = synthesizer.encode(phone, coarse(f0))
    noise = torch.randn(mean.shape)
    noise[..., -synth.noise.values.shape[2] :] = synth.noise.values
    g = synthesizer.speaker(torch.tensor([0]))
    z = synthesizer.reverse_flow(mean + log_sd.exp() * noise * NOISE_SCALE, g)
    # The stream's phase is 0 where the first hop sounds.
    first = GRID.window_hops - GRID.audible_hops
    start = -synthesizer.source.phases(f0[:, :first])[:, -1]
    source_noise = torch.randn(1, window, hop)
    source_noise[:, -hops:] = synth.source_noise.values[:, :hop].transpose(1, 2)
    whole = synthesizer.decode(z, g, synthesizer.source(f0, start, source_noise.reshape(1, 1, -1)))[
        0, 0
    ]
    sounding = GRID.audible_hops * hop
    assert whole.std() > 0.01
    assert (sound[-sounding:] - whole[-sounding:]).abs().max() < 1e-5
    assert (
        sound[:hop] - whole[-hops * hop :][:hop]
    ).abs().max() > 1e-3  # the lead-in has no lead-in of its own


@pytest.mark.parametrize("voice", ["singing", "refined"])
@pytest.mark.parametrize(
    "settings",
    [
        VoiceSettings(),
        VoiceSettings(formant=-2.0, pitch=3.5),
        *in_long_form(VoiceSettings(pitch=-5.0), VoiceSettings(formant=1.3)),
    ],
    ids=["plain", "formant down", "pitch", "formant up"],
)
def test_two_windows_agree_where_they_overlap_in_phase_and_in_noise(
    voice: str, settings: VoiceSettings, request: pytest.FixtureRequest
) -> None:
    """At most -50 dBFS between the end of one window and the start of the next, through a glide, a
    gap and a jump."""
    singing: VoiceModel = request.getfixturevalue(voice)
    synth = WindowSynthesizer(singing, GRID, DirectRunner())
    window, block = GRID.window_hops, GRID.block_hops
    phone, f0 = random_features(window + 10 * block), sung(window + 10 * block)
    stretched = singing.synthesizer.shape.stretched_hop(settings.formant)
    sounding = GRID.audible_hops * stretched
    before = None
    for number in range(11):
        hops = slice(number * block, number * block + window)
        sound = follow(synth, phone[:, hops], f0[:, hops], settings)[-sounding:]
        if before is not None:
            overlap = sounding - block * stretched
            # Without the last hops, where the singing decoder has nothing to look at yet.
            same = slice(0, overlap - 2 * stretched)
            assert level_db((sound[:overlap] - before[-overlap:])[same].numpy()) < -50.0
            assert level_db(sound.numpy()) > -20.0
        before = sound


def test_a_change_of_pitch_or_formant_keeps_the_phase(singing: VoiceModel) -> None:
    """The sound of hop n begins where that of hop n - 1 ended, at any pitch and formant."""
    synth = WindowSynthesizer(singing, GRID, DirectRunner())
    window, block = GRID.window_hops, GRID.block_hops
    # 2 turns a hop, an octave higher 4: each begins at phase 0
    f0 = torch.full((1, window + 6 * block), 200.0)
    phone = random_features(window + 6 * block)
    for number, (pitch, formant) in enumerate(((0, 0), (12, 0), (0, 1), (12, -1), (0, 2), (0, 0))):
        hops = slice(number * block, number * block + window)
        sound = follow(
            synth, phone[:, hops], f0[:, hops], VoiceSettings(pitch=pitch, formant=formant)
        )
        stretched = singing.synthesizer.shape.stretched_hop(formant)
        hop = sound[-GRID.audible_hops * stretched :][: 10 * stretched].view(10, -1).mean(0)
        turns = 4 if pitch else 2
        # A sine from phase 0 is at -90 degrees; the first sample is one step on.
        expected = 2.0 * math.pi * turns / stretched - math.pi / 2.0
        assert torch.fft.rfft(hop)[turns].angle().item() == pytest.approx(expected, abs=0.03)


def test_the_phase_is_exact_after_a_minute() -> None:
    """Within 1e-5 of a turn; a sum in single precision is off by a hundredth."""
    source, f0 = (
        SineSource(tiny_shape("v2", RATE_HZ)),
        220.0 * 2.0 ** (torch.sin(torch.arange(6000)[None] * 0.1) / 3.0),
    )
    f0[:, 2000:3000] = 0.0
    exact = (f0.double() * HOP / RATE_HZ).cumsum(1) % 1.0
    difference = (source.phases(f0)[:, 1:].double() - exact + 0.5) % 1.0 - 0.5
    assert difference.abs().max() < 1e-5
