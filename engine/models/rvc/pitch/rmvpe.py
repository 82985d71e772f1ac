"""Pitch by RMVPE, a network with a published checkpoint: the most reliable of the three, also in noise and music."""

from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from engine.errors import ModelError
from engine.models import locate
from engine.models.pickle_file import read_pickle, refuse_code
from engine.models.pretrained import one_line, require_finite
from engine.models.rvc.pitch import HOP
from engine.models.rvc.pitch.mel import FRAME, LogMel, mel_filters, mirrored
from engine.models.rvc.pitch.rmvpe_network import BINS, FRAME_MULTIPLE, Rmvpe
from engine.models.rvc.pitch.salience import likeliest

THRESHOLD: Final = 0.03
MIN_HZ, MAX_HZ = 30.0, 8000.0  # range of the mel bands
MIN_CENTS, STEP_CENTS = 1997.3794084376191, 20.0  # the first bin above 10 Hz (31.7 Hz), and the distance of bins


class RmvpeTracker:
    name = "rmvpe"
    frame_multiple = HOP * FRAME_MULTIPLE

    def __init__(self, network: Rmvpe, device: torch.device, dtype: torch.dtype) -> None:
        self._network = network.requires_grad_(False).eval().to(device=device, dtype=dtype)
        if device.type != "mps":  # 10 % faster on a CPU, and needed for tensor cores
            self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs
        self.networks: tuple[nn.Module, ...] = (self._network,)
        self._dtype = dtype
        self._cents = MIN_CENTS + STEP_CENTS * torch.arange(BINS, device=device)
        self._mel = LogMel(mel_filters(MIN_HZ, MAX_HZ).to(device), before=FRAME // 2)

    @torch.no_grad()
    def track(self, sound: Tensor) -> Tensor:
        """(B, n) float32 at 16 kHz -> (B, n // 160) float32 in Hz, 0 where unvoiced."""
        count = sound.shape[1] // HOP
        if not count:
            return sound.new_zeros(sound.shape[0], 0)
        mel = self._mel(sound).to(self._dtype)
        padded = mel[..., mirrored(count, 0, -(-count // FRAME_MULTIPLE) * FRAME_MULTIPLE, mel.device)]
        return likeliest(self._network(padded)[:, :count], self._cents, THRESHOLD)


def load_rmvpe(name: str, device: torch.device, dtype: torch.dtype) -> RmvpeTracker:
    """Load the published checkpoint `name`, a file or in the Hugging Face cache.

    ModelError if it is missing, with how to get it, or if it is something else.
    """
    path = locate.find(name, files=())
    network = read_network(path, name)
    fold_norms(network)
    return RmvpeTracker(network, device, dtype)


def read_network(path: Path, name: str) -> Rmvpe:
    """Read the network on the CPU, in float32. Refuses a pickle with anything but tensors, without running it."""
    refuse_code(name, read_pickle(path).foreign, "RMVPE")
    with one_line(name):
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(weights, dict):
        raise ModelError(f"{name}: holds a {type(weights).__name__}, not the tensors of RMVPE")
    with torch.device("meta"):  # avoids drawing 90 million random weights
        network = Rmvpe()
    wanted = network.state_dict()
    absent = [key for key, tensor in wanted.items() if getattr(weights.get(key), "shape", None) != tensor.shape]
    if absent:
        raise ModelError(
            f"{name}: not RMVPE: {len(absent)} tensors are missing or have another shape, the first is {absent[0]}"
        )
    with one_line(name):
        require_finite(name, {key: weights[key] for key in wanted})
    network.load_state_dict({key: weights[key] for key in wanted}, assign=True)
    return network.float().eval()


def fold_norms(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it: the same sums with fewer passes over the data."""
    for layers in network.modules():
        if not isinstance(layers, nn.Sequential):
            continue
        for place, (layer, norm) in enumerate(pairwise(list(layers))):
            if isinstance(norm, nn.BatchNorm2d) and isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                statistics: tuple[Any, Any, Any, Any, Any] = (
                    norm.running_mean,
                    norm.running_var,
                    norm.eps,
                    norm.weight,
                    norm.bias,
                )
                is_transposed = isinstance(layer, nn.ConvTranspose2d)
                layer.weight, layer.bias = fuse_conv_bn_weights(
                    layer.weight, layer.bias, *statistics, transpose=is_transposed
                )
                layers[place + 1] = nn.Identity()
