"""Loudness of the converted voice: that of the input, the model's own, or a mix of both.

    out * rms_in ** (1 - share) * rms_out ** (share - 1)        (RVC's change_rms; share 1: the model's own)

The rms is taken at points: of a whole sound over 1 s every half second, of live blocks over 40 ms every 10 ms. Point k
is at sample k hop, with linear interpolation in between. RVC stretches its points over the file, which moves them by up
to a quarter of a second. Ours stay where they were measured, so a piece of a sound is scaled like the whole.
"""

import torch
from torch.nn import functional as F

MIN_RMS = 1e-6  # lower limit of the output's rms, for whole sounds (RVC)
MIN_RMS_LIVE = 1e-3  # for live blocks (RVC's real-time window): prevents near silence from being boosted
LIVE_CELLS = 4


def point_hop(rate_hz: int) -> int:
    """Samples between points of a whole sound: half a second."""
    return rate_hz // 2


def rms_points(sound: torch.Tensor, hop: int, cells: int = 2) -> torch.Tensor:
    """The rms of (B, n) around the samples 0, hop, 2 hop ..., as (B, 1 + n // hop).

    The window is `cells` hops wide (an even number), with silence beyond both ends, as in librosa with center=True.
    """
    beyond = cells // 2 * hop
    squares = F.pad(sound.square(), (beyond, beyond))
    whole = squares.shape[-1] // hop
    energy = torch.unflatten(squares[:, : whole * hop], -1, (whole, hop)).mean(-1)  # (B, cells)
    return F.avg_pool1d(energy, cells, stride=1).sqrt()


class RunningPoints:
    """`rms_points` every half second, for a sound that comes in pieces of any length. One thread.

    Keeps a few numbers per second on the host.
    """

    def __init__(self, rate_hz: int) -> None:
        self._hop = point_hop(rate_hz)
        self._cells: list[float] = []
        self._rest = torch.zeros(1, 0)

    def add(self, sound: torch.Tensor) -> None:
        """Add the next samples (1, n)."""
        sound = torch.cat((self._rest, sound.cpu()), -1)
        whole = sound.shape[-1] // self._hop
        cells = torch.unflatten(sound[0, : whole * self._hop], -1, (whole, self._hop))
        self._cells += cells.square().mean(-1).tolist()
        self._rest = sound[:, whole * self._hop :].clone()

    def points(self, device: torch.device) -> torch.Tensor:
        """The points (1, 1 + n // hop) of all n samples added so far."""
        last = float(self._rest.square().sum()) / self._hop
        energy = torch.tensor([[0.0, *self._cells, last]], device=device)
        return F.avg_pool1d(energy, 2, stride=1).sqrt()


def spread(points: torch.Tensor, hop: int, length: int, first: int = 0) -> torch.Tensor:
    """Linear interpolation of (B, points): (B, length) samples from `first` on. The last point is held."""
    begin = min(first // hop, points.shape[-1] - 1)
    within = first - begin * hop
    needed = (within + length - 1) // hop + 2
    near = points[:, begin : begin + needed]
    near = F.pad(near, (0, needed - near.shape[-1]), "replicate")
    line = F.interpolate(near[:, None], size=(needed - 1) * hop + 1, mode="linear", align_corners=True)[:, 0]
    return line[:, within : within + length]


def gains(source: torch.Tensor, output: torch.Tensor, share: float, min_rms: float = MIN_RMS) -> torch.Tensor:
    """Gains for the output, from the rms of source and output."""
    return (source / output.clamp(min=min_rms)) ** (1.0 - share)


def mix_loudness(
    source: torch.Tensor, output: torch.Tensor, rate_source: int, rate_out: int, share: float
) -> torch.Tensor:
    """`output` (B, n) at `rate_out` Hz with the loudness of `source` (B, m) at `rate_source`, both of equal duration.

    `share` 0: the loudness of `source`; 1: `output` unchanged.
    """
    if share == 1.0:
        return output
    hop = point_hop(rate_out)
    wanted, own = (
        spread(rms_points(sound, point_hop(rate)), hop, output.shape[-1])
        for sound, rate in ((source, rate_source), (output, rate_out))
    )
    return output * gains(wanted, own, share)


def mix_loudness_live(source: torch.Tensor, output: torch.Tensor, hop: int, share: float) -> torch.Tensor:
    """`output` (B, n) with the loudness of `source` (B, m at 16 kHz) of the same time. `hop`: 10 ms of output samples.

    The window of 40 ms reaches beyond both ends by 20 ms, where it counts silence, in both sounds alike.
    """
    wanted, own = (
        spread(rms_points(sound, each, LIVE_CELLS), hop, output.shape[-1])
        for sound, each in ((source, 160), (output, hop))
    )
    return output * gains(wanted, own, share, MIN_RMS_LIVE)
