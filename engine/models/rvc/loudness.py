"""Whose loudness the converted voice has: that of the voice that came in, the model's own, or between the two.

    out * rms_in ** (1 - share) * rms_out ** (share - 1)        (RVC's change_rms; share 1: as the model speaks)

The rms is taken at points: of a whole sound over 1 s every half, of live blocks over 40 ms every ten. Point k lies at
sample k hop, and between two it is a line. RVC stretches its points over the file, which moves them by up to a quarter
of a second; ours stay where they were taken, so that a piece of a sound is scaled as the whole is.
"""

import torch
from torch.nn import functional as F

MIN_RMS = 1e-6  # of the output, for whole sounds (RVC)
MIN_RMS_LIVE = 1e-3  # for blocks (RVC's real-time window): what is nearly silence is not made loud within 10 ms
LIVE_CELLS = 4


def point_hop(rate_hz: int) -> int:
    """Samples from one point of a whole sound to the next: half a second."""
    return rate_hz // 2


def rms_points(sound: torch.Tensor, hop: int, cells: int = 2) -> torch.Tensor:
    """Of (B, n) the rms around the samples 0, hop, 2 hop ..., (B, 1 + n // hop). `cells` hops wide, even, and silent
    beyond both ends, as librosa's centred one."""
    beyond = cells // 2 * hop
    squares = F.pad(sound.square(), (beyond, beyond))
    whole = squares.shape[-1] // hop
    energy = squares[:, : whole * hop].unflatten(-1, (whole, hop)).mean(-1)  # (B, cells)
    return F.avg_pool1d(energy, cells, stride=1).sqrt()


class RunningPoints:
    """`rms_points` over half a second, of a sound that comes in pieces of any length. A few numbers a second are
    kept, on the host: one thread."""

    def __init__(self, rate_hz: int) -> None:
        self._hop = point_hop(rate_hz)
        self._cells: list[float] = []
        self._rest = torch.zeros(1, 0)

    def add(self, sound: torch.Tensor) -> None:
        """The next (1, n)."""
        sound = torch.cat((self._rest, sound.cpu()), -1)
        whole = sound.shape[-1] // self._hop
        cells = sound[0, : whole * self._hop].unflatten(-1, (whole, self._hop))
        self._cells += cells.square().mean(-1).tolist()
        self._rest = sound[:, whole * self._hop :].clone()

    def points(self, device: torch.device) -> torch.Tensor:
        """(1, 1 + n // hop) of all n that were added."""
        last = float(self._rest.square().sum()) / self._hop
        energy = torch.tensor([[0.0, *self._cells, last]], device=device)
        return F.avg_pool1d(energy, 2, stride=1).sqrt()


def spread(points: torch.Tensor, hop: int, length: int, first: int = 0) -> torch.Tensor:
    """(B, points) as a line through them, (B, length): the samples from `first` on. The last point is held."""
    begin = min(first // hop, points.shape[-1] - 1)
    within = first - begin * hop
    needed = (within + length - 1) // hop + 2
    near = points[:, begin : begin + needed]
    near = F.pad(near, (0, needed - near.shape[-1]), "replicate")
    line = F.interpolate(near[:, None], size=(needed - 1) * hop + 1, mode="linear", align_corners=True)[:, 0]
    return line[:, within : within + length]


def gains(source: torch.Tensor, output: torch.Tensor, share: float, least: float = MIN_RMS) -> torch.Tensor:
    """What to multiply the output with, where the two have these rms."""
    return (source / output.clamp(min=least)) ** (1.0 - share)


def mix_loudness(
    source: torch.Tensor, output: torch.Tensor, rate_source: int, rate_out: int, share: float
) -> torch.Tensor:
    """`output` (B, n) at `rate_out` Hz with the loudness of `source` (B, m) at `rate_source`, the same sound as long;
    `share` 0: all of it, 1: `output` as it is."""
    if share == 1.0:
        return output
    hop = point_hop(rate_out)
    lines = [
        spread(rms_points(sound, point_hop(rate)), hop, output.shape[-1])
        for sound, rate in ((source, rate_source), (output, rate_out))
    ]
    return output * gains(*lines, share)


def mix_loudness_live(source: torch.Tensor, output: torch.Tensor, hop: int, share: float) -> torch.Tensor:
    """`output` (B, n) with the loudness of `source` (B, m at 16 kHz) that was said in the same time; `hop`: 10 ms of
    the output's samples. Over 40 ms, so that 20 ms at both ends are taken as half silent, in both alike."""
    lines = [
        spread(rms_points(sound, each, LIVE_CELLS), hop, output.shape[-1])
        for sound, each in ((source, 160), (output, hop))
    ]
    return output * gains(*lines, share, MIN_RMS_LIVE)
