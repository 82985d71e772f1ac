"""Noise gate before the conversion, and the loudness of the converted voice after it.

    out * rms_in ** (1 - mix) * rms_out ** (mix - 1)

That is RVC's change_rms; with mix 1 the model's own loudness.

The rms is taken over 40 ms every 10 ms, as in RVC's real-time window (for files RVC takes it over a
second). Point k is at sample k hop, with linear interpolation in between, so a piece of a sound is
scaled like the whole. A model makes sound even from silence, so with any mix the output is silent
where the input is, with a fade of 10 ms.

The gate opens at once by the rms of a cell of 10 ms and the three before it, also across blocks. It
stays open 30 ms longer, and closes with a ramp of 10 ms. (RVC treats both ends of a block as
silence.)
"""

import torch
from torch import Tensor
from torch.nn import functional as F

CELLS = 4  # of 10 ms
MIN_RMS = 1e-3
"""Lower limit of the output's rms: prevents near silence from being boosted (RVC's real-time
window)."""
SILENCE_DB = -70.0  # dBFS; softer input is silence
OFF_DB = -60.0
HOP = 160  # 10 ms at 16 kHz


def rms_points(sound: Tensor, hop: int) -> Tensor:
    """The rms of (B, n) around the samples 0, hop, 2 hop ..., as (B, 1 + n // hop). `hop`: samples
    of 10 ms. The window is four hops wide, with silence beyond both ends, as in librosa with
    center=True."""
    beyond = CELLS // 2 * hop
    squares = F.pad(sound.square(), (beyond, beyond))
    whole = squares.shape[-1] // hop
    energy = _cells(squares[:, : whole * hop], hop).mean(-1)  # (B, cells)
    return F.avg_pool1d(energy, CELLS, stride=1).sqrt()


def _cells(sound: Tensor, hop: int) -> Tensor:
    """Cells of `hop` samples: (..., n), a multiple of hop, -> (..., n // hop, hop)."""
    return torch.unflatten(sound, -1, (sound.shape[-1] // hop, hop))


class RunningPoints:
    """Computes `rms_points` of one sound that arrives in pieces. One thread. Stores 100 numbers per
    second of sound."""

    def __init__(self, hop: int) -> None:
        self._hop = hop
        self._energy = [torch.zeros(CELLS // 2)]
        self._rest = torch.zeros(0)

    def add(self, sound: Tensor) -> None:
        """Add the next samples (n,), on the host."""
        sound = torch.cat((self._rest, sound))
        whole = len(sound) // self._hop * self._hop
        self._energy.append(_cells(sound[:whole], self._hop).square().mean(-1))
        self._rest = sound[whole:].clone()

    def points(self) -> Tensor:
        """The points (1, 1 + n // hop) of all n samples added so far."""
        last = self._rest.square().sum() / self._hop
        beyond = torch.zeros(CELLS // 2 - 1)
        energy = torch.cat((*self._energy, last[None], beyond))
        return F.avg_pool1d(energy[None], CELLS, stride=1).sqrt()


def spread(points: Tensor, hop: int, length: int, first: int = 0) -> Tensor:
    """Interpolate (B, points) linearly: (B, length) samples from `first` on. The last point is
    repeated."""
    begin = min(first // hop, points.shape[-1] - 1)
    within = first - begin * hop
    needed = (within + length - 1) // hop + 2
    near = points[:, begin : begin + needed]
    near = F.pad(near, (0, needed - near.shape[-1]), "replicate")  # (B, needed)
    samples = (needed - 1) * hop + 1
    line = F.interpolate(near[:, None], size=samples, mode="linear", align_corners=True)
    return line[:, 0, within : within + length]


def silence_db(threshold_db: float) -> float:
    """The level in dBFS below which the output is silent: the noise gate's threshold, or -70 if
    that is off."""
    return threshold_db if threshold_db > OFF_DB else SILENCE_DB


def open_points(source: Tensor, below_db: float = SILENCE_DB) -> Tensor:
    """Set the points of the input that are softer than `below_db` to 0."""
    return torch.where(source > 10.0 ** (below_db / 20.0), source, 0.0)


def gains(
    source: Tensor, output: Tensor, hop: int, mix: float, length: int, first: int = 0
) -> Tensor:
    """Gains (B, length) for the output's samples from `first` on, 0 where the source is. `source`
    and `output`: the points of both; `hop`: samples of the output between them."""
    target = spread(source, hop, length, first)
    own = spread(output, hop, length, first)
    is_open = spread((source > 0).to(source.dtype), hop, length, first)
    return is_open * (target / own.clamp(min=MIN_RMS)) ** (1.0 - mix)


def mix_loudness(
    source: Tensor, output: Tensor, hop: int, mix: float, below_db: float = SILENCE_DB
) -> Tensor:
    """Give `output` (B, n) the loudness of `source` (B, m at 16 kHz) at the same time; silent where
    `source` is softer than `below_db`. `hop`: 10 ms of output samples. `mix` 0: the loudness of
    `source`; 1: that of `output`. The window reaches beyond both ends by 20 ms of silence, in both
    sounds alike."""
    points = open_points(rms_points(source, HOP), below_db)
    return output * gains(points, rms_points(output, hop), hop, mix, output.shape[-1])


def gate(sound: Tensor, threshold_db: float, hop: int = HOP) -> Tensor:
    """Silence a whole sound (B, n) where its rms is below the threshold in dBFS; same shape and
    dtype. `hop`: samples of 10 ms. A threshold of -60 or less lets everything through. Nothing
    waits for the device. The result for a piece of a sound equals that for the whole if the CELLS
    hops before it are passed with it."""
    count = sound.shape[-1]
    padded = F.pad(sound, (CELLS * hop, -count % hop))
    return _apply_gate(padded, threshold_db, hop)[:, :count]


class NoiseGate:
    """The noise gate of `gate` for a stream, block by block. One thread."""

    def __init__(self, hop: int, device: torch.device) -> None:
        self._hop = hop
        self._before = torch.zeros(1, CELLS * hop, device=device)

    def push(self, new: Tensor, threshold_db: float) -> Tensor:
        """Gate the next (1, n) of a stream, n a multiple of hop; equal to `gate` of the whole
        sound."""
        if new.shape[-1] % self._hop:
            raise ValueError(f"a block of {new.shape[-1]} samples is not a multiple of {self._hop}")
        joined = torch.cat((self._before, new), -1)
        self._before.copy_(joined[:, joined.shape[-1] - CELLS * self._hop :])
        return _apply_gate(joined, threshold_db, self._hop)

    def reset(self) -> None:
        """Clear the state, because a new stream begins."""
        self._before.zero_()


def _apply_gate(sound: Tensor, threshold_db: float, hop: int) -> Tensor:
    """Gate (B, n), a multiple of hop, and drop the first CELLS hops."""
    audible = sound[:, CELLS * hop :]
    if threshold_db <= OFF_DB:
        return audible
    power = _cells(sound.square(), hop).mean(-1)  # (B, cells)
    power = power.unfold(-1, CELLS, 1).mean(-1)  # mean of a cell and the three before it
    is_open = power >= 10.0 ** (threshold_db / 10.0)
    before = is_open[:, :-1, None]
    now = is_open[:, 1:, None]
    closing = torch.linspace(1.0, 0.0, hop + 1, device=sound.device, dtype=sound.dtype)[1:]
    cells = _cells(audible, hop)  # (B, cells, hop)
    return torch.where(now, cells, cells * (before * closing)).flatten(1)
