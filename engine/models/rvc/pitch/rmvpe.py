"""Pitch by RMVPE (Wei et al., Interspeech 2023), the most reliable of the three, also in noise and
music.

A U-net over a spectrogram, then a recurrent layer over time. Module names are those of the
published checkpoint. Feature maps are (B, channels, frames, bands).
"""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_weights

from engine.errors import ModelError
from engine.models import locate
from engine.models.pickle_file import PickleFile, PickleLayout, type_name
from engine.models.pretrained import load_weights, one_line
from engine.models.rvc.pitch import HOP
from engine.models.rvc.pitch.mel import (
    BANDS,
    FRAME,
    LogMel,
    decode_pitch,
    mel_filters,
    mirrored_indices,
)

THRESHOLD: Final = 0.03
MIN_HZ = 30.0  # of the mel bands
MAX_HZ = 8000.0
MIN_CENTS = 1997.3794084376191
"""The first bin above 10 Hz (31.7 Hz)."""
STEP_CENTS = 20.0  # from bin to bin
BINS = 360
FRAME_MULTIPLE = 32  # the U-net halves the time five times
CHANNELS = (16, 32, 64, 128, 256)
BLOCKS = 4  # residual blocks per level
DEEPEST = 4  # levels at the bottom, without pooling
RECURRENT = 256


class Rmvpe(nn.Module):
    def __init__(
        self, channels: tuple[int, ...] = CHANNELS, blocks: int = BLOCKS, recurrent: int = RECURRENT
    ) -> None:
        super().__init__()
        self.unet = Unet(channels, blocks)
        self.cnn = nn.Conv2d(channels[0], 3, 3, padding=1)
        self.fc = nn.Sequential(Recurrent(3 * BANDS, recurrent), nn.Linear(2 * recurrent, BINS))

    def forward(self, mel: Tensor) -> Tensor:
        """(B, BANDS, T), T a multiple of FRAME_MULTIPLE -> (B, T, BINS) salience in 0..1."""
        picture = self.cnn(self.unet(mel.transpose(1, 2).unsqueeze(1)))  # (B, 3, T, BANDS)
        return torch.sigmoid(self.fc(picture.transpose(1, 2).flatten(2)))


class Unet(nn.Module):
    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.encoder = UnetEncoder(channels, blocks)
        deep = 2 * channels[-1]
        bottom = (
            level(before, deep, blocks) for before in (channels[-1], *(deep,) * (DEEPEST - 1))
        )
        self.intermediate = wrap_named("layers", nn.Sequential(*bottom))
        self.decoder = UnetDecoder((deep, *reversed(channels)), blocks)

    def forward(self, picture: Tensor) -> Tensor:
        picture, levels = self.encoder(picture)
        result: Tensor = self.decoder(self.intermediate(picture), levels)
        return result


class UnetEncoder(nn.Module):
    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(1)
        self.layers = nn.ModuleList(level(*ends, blocks) for ends in pairwise((1, *channels)))

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The feature map halved once per level, and each level's output before pooling."""
        picture = self.bn(picture)
        levels: list[Tensor] = []
        for layer in self.layers:
            levels.append(layer(picture))
            picture = nn.functional.avg_pool2d(levels[-1], 2)
        return picture, levels


class UnetDecoder(nn.Module):
    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(UpBlock(*ends, blocks) for ends in pairwise(channels))

    def forward(self, picture: Tensor, levels: list[Tensor]) -> Tensor:
        for layer, level in zip(self.layers, reversed(levels), strict=True):
            picture = layer(picture, level)
        return picture


def level(before: int, after: int, blocks: int) -> nn.Sequential:
    return wrap_named("conv", residuals(before, after, blocks))


def residuals(before: int, after: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        Residual(before, after), *(Residual(after, after) for _ in range(blocks - 1))
    )


def wrap_named(name: str, layers: nn.Module) -> nn.Sequential:
    """`layers` inside a module that only adds its name to those of the tensors."""
    return nn.Sequential(OrderedDict({name: layers}))


class UpBlock(nn.Module):
    """Upsamples by two and joins the encoder's output of that size."""

    def __init__(self, before: int, after: int, blocks: int) -> None:
        super().__init__()
        up = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.conv1 = nn.Sequential(up, nn.BatchNorm2d(after), nn.ReLU())
        self.conv2 = residuals(2 * after, after, blocks)

    def forward(self, picture: Tensor, level: Tensor) -> Tensor:
        result: Tensor = self.conv2(torch.cat((self.conv1(picture), level), 1))
        return result


class Residual(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        )
        if before != after:
            self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, picture: Tensor) -> Tensor:
        result: Tensor = self.conv(picture) + (
            self.shortcut(picture) if hasattr(self, "shortcut") else picture
        )
        return result


class Recurrent(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True, bidirectional=True)

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.gru(features)[0]
        return result


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
        """Track the pitch of (B, n) float32 at 16 kHz: (B, n // 160) float32 in Hz, 0 where
        unvoiced."""
        count = sound.shape[1] // HOP
        if not count:
            return sound.new_zeros(sound.shape[0], 0)
        mel = self._mel(sound).to(self._dtype)  # (B, BANDS, count)
        whole = -(-count // FRAME_MULTIPLE) * FRAME_MULTIPLE
        padded = mel[..., mirrored_indices(count, 0, whole, mel.device)]
        salience = self._network(padded)[:, :count]  # (B, count, BINS)
        return decode_pitch(salience, self._cents, THRESHOLD)


def load_rmvpe(name: str, device: torch.device, dtype: torch.dtype) -> RmvpeTracker:
    """Load the published checkpoint `name`, a file or in the Hugging Face cache. ModelError if it
    is missing, with how to get it, or if it is something else."""
    network = read_network(locate.find(name, files=()), name)
    fold_norms(network)
    return RmvpeTracker(network, device, dtype)


def read_network(path: Path, name: str) -> Rmvpe:
    """Read the network on the CPU, in float32. Refuses a pickle with anything but tensors, without
    running it."""
    file = PickleFile(path, PickleLayout(kind="RMVPE"), name)
    if not isinstance(file.content, Mapping):
        raise ModelError(f"{name}: holds a {type_name(file.content)}, not the tensors of RMVPE")
    with one_line(name):
        weights = file.read()
    with torch.device("meta"):  # avoids drawing 90 million random weights
        network = Rmvpe()
    with one_line(name):
        load_weights(network, weights, f"{name} as RMVPE", "RMVPE")
    return network.float().eval()


def fold_norms(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it: the same sums with fewer passes over the
    data."""
    for layers in network.modules():
        if not isinstance(layers, nn.Sequential):
            continue
        for index, (layer, norm) in enumerate(pairwise(list(layers))):
            if isinstance(norm, nn.BatchNorm2d) and isinstance(
                layer, nn.Conv2d | nn.ConvTranspose2d
            ):
                mean: Any = norm.running_mean
                variance: Any = norm.running_var
                is_transposed = isinstance(layer, nn.ConvTranspose2d)
                weight, bias = fuse_conv_bn_weights(
                    layer.weight,
                    layer.bias,
                    mean,
                    variance,
                    norm.eps,
                    norm.weight,
                    norm.bias,
                    is_transposed,
                )
                layer.weight = weight
                layer.bias = bias
                layers[index + 1] = nn.Identity()
