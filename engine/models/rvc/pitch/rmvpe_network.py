"""The network of RMVPE (Wei et al., Interspeech 2023): a U-net over a spectrogram, then a recurrent layer over time.

Module names are those of the published checkpoint. Feature maps are (B, channels, frames, bands).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from engine.models.rvc.pitch.mel import BANDS

BINS = 360
FRAME_MULTIPLE = 32  # the U-net halves the time five times
CHANNELS = (16, 32, 64, 128, 256)
BLOCKS = 4  # residual blocks per level
DEEPEST = 4  # levels at the bottom, without pooling
RECURRENT = 256


class Rmvpe(nn.Module):
    def __init__(self, channels: tuple[int, ...] = CHANNELS, blocks: int = BLOCKS, recurrent: int = RECURRENT) -> None:
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
        self.intermediate = Intermediate(channels[-1], deep, blocks)
        self.decoder = UnetDecoder((deep, *reversed(channels)), blocks)

    def forward(self, picture: Tensor) -> Tensor:
        picture, levels = self.encoder(picture)
        result: Tensor = self.decoder(self.intermediate(picture), levels)
        return result


class UnetEncoder(nn.Module):
    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(1)
        self.layers = nn.ModuleList(Level(*ends, blocks) for ends in pairwise((1, *channels)))

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The feature map halved once per level, and each level's output before pooling."""
        picture = self.bn(picture)
        levels: list[Tensor] = []
        for layer in self.layers:
            levels.append(layer(picture))
            picture = nn.functional.avg_pool2d(levels[-1], 2)
        return picture, levels


class Intermediate(nn.Module):
    def __init__(self, shallow: int, deep: int, blocks: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Level(shallow, deep, blocks), *(Level(deep, deep, blocks) for _ in range(DEEPEST - 1))
        )

    def forward(self, picture: Tensor) -> Tensor:
        result: Tensor = self.layers(picture)
        return result


class UnetDecoder(nn.Module):
    def __init__(self, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Rise(*ends, blocks) for ends in pairwise(channels))

    def forward(self, picture: Tensor, levels: list[Tensor]) -> Tensor:
        for layer, level in zip(self.layers, reversed(levels), strict=True):
            picture = layer(picture, level)
        return picture


class Level(nn.Module):
    def __init__(self, before: int, after: int, blocks: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(Residual(before, after), *(Residual(after, after) for _ in range(blocks - 1)))

    def forward(self, picture: Tensor) -> Tensor:
        result: Tensor = self.conv(picture)
        return result


class Rise(nn.Module):
    """Upsamples by two and joins the encoder's output of that size."""

    def __init__(self, before: int, after: int, blocks: int) -> None:
        super().__init__()
        up = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.conv1 = nn.Sequential(up, nn.BatchNorm2d(after), nn.ReLU())
        self.conv2 = nn.Sequential(Residual(2 * after, after), *(Residual(after, after) for _ in range(blocks - 1)))

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
        result: Tensor = self.conv(picture) + (self.shortcut(picture) if hasattr(self, "shortcut") else picture)
        return result


class Recurrent(nn.Module):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True, bidirectional=True)

    def forward(self, features: Tensor) -> Tensor:
        result: Tensor = self.gru(features)[0]
        return result
