"""The chosen pitch tracker, the note about it, FCPE's package, and shifting, tuning and quantising
a pitch."""

import contextlib
import io
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import ModelError
from engine.models.rvc.load import load_pitch
from engine.models.rvc.pitch import choose
from engine.models.rvc.pitch.coarse import autotune, coarse, shift_pitch
from engine.models.rvc.pitch.fcpe import Fcpe, bundled
from engine.models.rvc.pitch.yin import Yin
from engine.models.rvc.spec import Pitch, VoiceSpec
from engine.system.installing import install_line
from tests.support.needed import needs

CPU = torch.device("cpu")
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def fcpe(require: Callable[[object, str], None]) -> Fcpe:
    require(find_spec("torchfcpe"), "FCPE")
    return Fcpe(CPU, torch.float32)


def spec(pitch: Pitch, rmvpe: str = "nobody/nothing/rmvpe.pt") -> VoiceSpec:
    return VoiceSpec(model="random:tiny", pitch=pitch, rmvpe=rmvpe)


def sung(hz: float, samples: int = RATE_HZ) -> torch.Tensor:
    times = np.arange(samples) / RATE_HZ
    return torch.from_numpy(
        sum(0.2 * np.sin(2 * np.pi * hz * k * times) / k for k in range(1, 12))
    ).float()[None]


@needs("FCPE")
def test_auto_takes_the_best_available_tracker_and_says_why_not_a_better_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "rmvpe.pt"
    checkpoint.touch()
    first = choose(spec("auto", str(checkpoint)))
    assert (first.name, first.reason) == ("rmvpe", "")
    second = choose(spec("auto"))
    assert second.name == "fcpe"
    assert (
        second.reason
        == 'pitch by fcpe; rmvpe is better: hf download nobody/nothing --include "rmvpe.pt"'
    )
    assert (
        choose(spec("auto", "gone.pt")).reason
        == "pitch by fcpe; rmvpe is better: gone.pt is not on this machine"
    )
    monkeypatch.setitem(sys.modules, "torchfcpe", None)  # as if it were not installed
    third = choose(spec("auto"))
    assert third.name == "yin"
    assert third.reason.endswith('rmvpe.pt", or ' + install_line("[fcpe]"))
    assert isinstance(load_pitch(spec("auto"), CPU, torch.float32), Yin)


def test_a_requested_tracker_is_taken_without_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(spec("fcpe")).reason == choose(spec("yin")).reason == ""
    assert load_pitch(spec("yin"), CPU, torch.float32).name == "yin"
    with pytest.raises(ModelError, match="hf download nobody/nothing"):
        load_pitch(spec("rmvpe"), CPU, torch.float32)
    monkeypatch.setitem(sys.modules, "torchfcpe", None)
    with pytest.raises(ModelError, match=r'pitch fcpe: .*; .* -m pip install .*\[fcpe\]"'):
        load_pitch(spec("fcpe"), CPU, torch.float32)


def test_fcpe_equals_its_package(fcpe: Fcpe) -> None:
    sounds = torch.cat([sung(130.0), sung(520.0)])
    found = fcpe.track(sounds)
    theirs = bundled().infer(
        sounds[..., None], sr=RATE_HZ, decoder_mode="local_argmax", threshold=0.006
    )[..., 0]
    assert found.shape == (2, 100)
    assert theirs.shape == (2, 101)  # one more, which its norms depend on slightly
    np.testing.assert_allclose(found[:, :-2].numpy(), theirs[:, :98].numpy(), rtol=1e-3)
    for row, hz in zip(found, (130.0, 520.0), strict=True):
        assert np.abs(1200.0 * np.log2(row[5:-5].numpy() / hz)).max() < 20.0


def test_fcpe_prints_nothing_and_finds_no_pitch_in_silence(fcpe: Fcpe) -> None:
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        assert not Fcpe(CPU, torch.float32).track(torch.zeros(1, 3200)).any()
        assert fcpe.track(6.0 * sung(220.0, 3200)).any()
    assert stdout.getvalue() == ""
    assert fcpe.track(torch.zeros(1, 159)).shape == (1, 0)
    assert fcpe.track(torch.zeros(1, 160)).shape == (1, 1)


def test_a_pitch_maps_to_the_mel_step_that_rvc_was_trained_with() -> None:
    hz = np.concatenate([[0.0, 30.0, 50.0, 1100.0, 4000.0], np.geomspace(50.0, 1100.0, 500)])
    mel, lowest, highest = (1127.0 * np.log(1.0 + value / 700.0) for value in (hz, 50.0, 1100.0))
    expected = np.rint(
        np.clip((mel - lowest) * 254.0 / (highest - lowest) + 1.0, 1.0, 255.0)
    ).astype(np.int64)
    steps = coarse(torch.from_numpy(hz.astype(np.float32))[None])
    assert steps.dtype == torch.int64
    assert (steps[0].numpy() == expected).mean() > 0.995, (
        "only float32 on the edge between two steps may differ"
    )
    assert steps[0, :5].tolist() == [1, 1, 1, 255, 255]


def test_an_octave_up_is_twice_the_pitch_and_no_pitch_stays_none() -> None:
    assert shift_pitch(torch.tensor([[220.0, 0.0]]), 12.0).tolist() == [[440.0, 0.0]]
    assert shift_pitch(torch.tensor([440.0]), -12.0).tolist() == [220.0]


def test_autotune_draws_to_the_nearest_semitone() -> None:
    # 452.9 Hz lies between A and A sharp
    sung = torch.tensor([430.0, 440.0, 452.0, 454.0, 0.0, 82.0])
    expected = [440.0, 440.0, 440.0, 466.164, 0.0, 82.407]
    np.testing.assert_allclose(autotune(sung).numpy(), expected, rtol=1e-5)
