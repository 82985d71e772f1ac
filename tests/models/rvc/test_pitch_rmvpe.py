"""RMVPE equals the network published by RVC with an independent front end."""

import importlib
import os
import sys
import types
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.models.rvc.pitch.mel import FRAME, LogMel, decode_pitch, mel_filters
from engine.models.rvc.pitch.rmvpe import Rmvpe, RmvpeTracker, fold_norms, load_rmvpe
from tests.models.rvc import peers
from tests.support.hostile_pickle import Call

CPU = torch.device("cpu")
CHANNELS = (4, 8, 16, 32, 64)


@pytest.fixture
def published(require: Callable[[object, str], None], monkeypatch: pytest.MonkeyPatch) -> Any:
    """RMVPE of infer-rvc-python; its mel filters come from torchfcpe's copy of librosa's."""
    require(find_spec("torchfcpe"), "FCPE")
    require(peers.is_installed(), "infer-rvc-python")
    filters = types.ModuleType("librosa.filters")
    filters.mel = importlib.import_module("torchfcpe.mel_fn_librosa").mel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "librosa", types.ModuleType("librosa"))
    monkeypatch.setitem(sys.modules, "librosa.filters", filters)
    return peers.rmvpe()


@pytest.fixture
def small() -> Rmvpe:
    torch.manual_seed(0)
    return lively(Rmvpe(CHANNELS, blocks=1))


def lively(network: nn.Module) -> Any:
    """Give a network norms that change something, and weights that differ between frames."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=1.0)
    return network.eval()


def noise(samples: int, batch: int = 1) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


def published_weights(likely_bin: int) -> dict[str, Tensor]:
    """A checkpoint in half precision with the published names and shapes: all zero, but one bin is
    likely. Each tensor stores a single number on disk."""
    with torch.device("meta"):
        shapes = Rmvpe().state_dict()
    weights: dict[str, Any] = {
        name: torch.zeros(
            (), dtype=torch.float16 if tensor.is_floating_point() else tensor.dtype
        ).expand(tensor.shape)
        for name, tensor in shapes.items()
    }
    bias = torch.full((360,), -9.0, dtype=torch.float16)
    bias[likely_bin] = 9.0
    return weights | {"fc.1.bias": bias}


def test_the_tensors_have_the_published_names_and_shapes(published: Any) -> None:
    with torch.device("meta"):
        theirs, ours = published.E2E(4, 1, (2, 2)).state_dict(), Rmvpe().state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {
        name: tensor.shape for name, tensor in theirs.items()
    }
    assert round(sum(tensor.numel() for tensor in ours.values()) / 1e6, 1) == 90.5


def test_the_network_equals_the_published_one_also_with_folded_norms(
    published: Any, small: Rmvpe
) -> None:
    theirs = published.E2E(1, 1, (2, 2), en_out_channels=CHANNELS[0]).eval()
    theirs.load_state_dict(small.state_dict())
    mel = torch.randn(2, 128, 64)
    with torch.no_grad():
        expected = theirs(mel)
        torch.testing.assert_close(small(mel), expected, atol=1e-6, rtol=1e-5)
        fold_norms(small)
        assert not any(
            isinstance(module, nn.BatchNorm2d)
            for name, module in small.named_modules()
            if "layers" in name
        )
        torch.testing.assert_close(small(mel), expected, atol=1e-5, rtol=1e-4)
    assert expected.std() > 0.05


def test_the_front_end_equals_the_published_one(published: Any) -> None:
    theirs = published.MelSpectrogram(False, 128, 16000, 1024, 160, None, 30, 8000)
    torch.testing.assert_close(mel_filters(30.0, 8000.0), theirs.mel_basis)
    mel = LogMel(mel_filters(30.0, 8000.0), before=FRAME // 2)
    sound = noise(8000)
    torch.testing.assert_close(mel(sound), theirs(sound)[..., :50], atol=1e-5, rtol=1e-5)


def test_salience_is_decoded_as_in_the_published_code(published: Any) -> None:
    salience = torch.rand(1, 400, 360, generator=torch.Generator().manual_seed(0)) ** 8
    salience[0, ::5] *= 0.02  # below the threshold
    salience[0, 1, 0] = salience[0, 2, 359] = 2.0  # at the ends, where fewer bins are near
    reader = published.RMVPE.__new__(published.RMVPE)
    reader.cents_mapping = np.pad(20 * np.arange(360) + 1997.3794084376191, (4, 4))
    expected = reader.decode(salience[0].numpy(), thred=0.03)
    expected[(expected < 50) | (expected > 1100)] = 0.0
    cents = 1997.3794084376191 + 20.0 * torch.arange(360)
    np.testing.assert_allclose(decode_pitch(salience, cents, 0.03)[0].numpy(), expected, rtol=1e-5)
    assert 0.3 < (expected > 0).mean() < 0.7


def test_frames_are_padded_to_a_multiple_of_32_and_removed_again(small: Rmvpe) -> None:
    tracker = RmvpeTracker(small, CPU, torch.float32)
    assert tracker.frame_multiple == 5120
    lengths: list[int] = []
    small.register_forward_pre_hook(lambda network, inputs: lengths.append(inputs[0].shape[-1]))
    for samples, frames, seen in (
        (5120, 32, 32),
        (5279, 32, 32),
        (5280, 33, 64),
        (160, 1, 32),
        (0, 0, None),
    ):
        assert tracker.track(noise(samples)).shape == (1, frames)
        assert lengths[-1:] == ([seen] if seen else lengths[-1:])
    assert len(lengths) == 4


def test_a_checkpoint_in_the_published_layout_finds_the_pitch_of_its_last_layer(
    tmp_path: Path,
) -> None:
    file = tmp_path / "rmvpe.pt"
    torch.save(published_weights(likely_bin=155), file)
    tracker = load_rmvpe(str(file), CPU, torch.float32)
    hz = 10.0 * 2.0 ** ((1997.3794084376191 + 155 * 20.0) / 1200.0)
    np.testing.assert_allclose(tracker.track(noise(1600)).numpy(), np.full((1, 10), hz), rtol=1e-4)


def test_a_file_that_is_not_rmvpe_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "rmvpe.pt"

    def refusal() -> str:
        with pytest.raises(ModelError) as caught:
            load_rmvpe(str(file), CPU, torch.float32)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    torch.save({"weight": torch.zeros(3)}, file)
    assert (
        "as RMVPE: 741 tensors are missing or have another shape, the first is "
        "unet.encoder.bn.weight" in refusal()
    )
    torch.save(published_weights(1) | {"fc.1.bias": torch.full((360,), torch.inf)}, file)
    assert "fc.1.bias contains NaN or infinity" in refusal()
    torch.save([torch.zeros(3)], file)
    assert "holds a list" in refusal()
    torch.save(published_weights(1), file)
    file.write_bytes(file.read_bytes()[:20_000])
    assert str(file) in refusal()


def test_a_checkpoint_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rmvpe.pt"
    torch.save({"unet.encoder.bn.weight": Call(os.mkdir, str(tmp_path / "sprung"))}, file)
    with pytest.raises(ModelError, match=r"refused: it would run \w+\.mkdir"):
        load_rmvpe(str(file), CPU, torch.float32)
    assert not (tmp_path / "sprung").exists()
