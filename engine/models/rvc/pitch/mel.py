"""Input and output of both networks: 128 log mel bands of 1024 samples in, a likelihood of each of
360 pitches out."""

import math

import torch
from torch import Tensor

from engine.models.rvc.pitch import HOP, MAX_HZ, MIN_HZ, RATE_HZ

FRAME = 1024
BANDS = 128
QUIETEST = 1e-5
REACH = 4  # bins on each side of the likeliest one: 80 cents, as in both publications
ZERO_CENTS_HZ = 10.0
OCTAVE_CENTS = 1200.0
MIN_SALIENCE = 1e-12  # avoids 0 / 0 in silence


class LogMel:
    def __init__(self, filters: Tensor, *, before: int, floor: float = 0.0) -> None:
        """`filters`: (BANDS, FRAME // 2 + 1), on the device. Frame k begins `before` samples before
        sample 160 k. `floor` is added to the powers, as in training."""
        self._filters = filters
        self._before = before
        self._floor = floor
        self._window = torch.hann_window(FRAME, device=filters.device)

    def __call__(self, sound: Tensor) -> Tensor:
        """(B, n) float32 -> natural logarithms (B, BANDS, n // 160). The sound is mirrored at both
        ends."""
        count = sound.shape[1] // HOP
        needed = (count - 1) * HOP + FRAME
        indices = mirrored_indices(sound.shape[1], self._before, needed, sound.device)
        mirrored = sound.float()[:, indices]  # (B, needed)
        spectrum = torch.stft(
            mirrored, FRAME, HOP, window=self._window, center=False, return_complex=True
        )  # (B, FRAME // 2 + 1, T)
        power = spectrum.real.square() + spectrum.imag.square()
        magnitude = (power + self._floor).sqrt()
        bands = torch.matmul(self._filters, magnitude)  # (B, BANDS, T)
        return bands.clamp(min=QUIETEST).log()


def mirrored_indices(length: int, before: int, count: int, device: torch.device) -> Tensor:
    """Indices (count,) into a sequence of `length`, from `-before` on, mirrored at both ends."""
    turn = max(2 * (length - 1), 1)
    positions = (torch.arange(count, device=device) - before) % turn
    return torch.minimum(positions, turn - positions)


def mel_filters(lowest_hz: float, highest_hz: float) -> Tensor:
    """Mel filters (BANDS, FRAME // 2 + 1) float32, equal to librosa.filters.mel(htk=True). They are
    triangles evenly spaced on the mel scale 2595 log10(1 + f / 700), each of area 1 in Hz."""
    lowest, highest = (2595.0 * math.log10(1.0 + hz / 700.0) for hz in (lowest_hz, highest_hz))
    mels = torch.linspace(lowest, highest, BANDS + 2, dtype=torch.float64)
    corners_hz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bins_hz = torch.arange(FRAME // 2 + 1, dtype=torch.float64) * (RATE_HZ / FRAME)
    left, middle, right = corners_hz[:, None].unfold(0, 3, 1).unbind(-1)  # (BANDS, 1) each
    rising = (bins_hz - left) / (middle - left)
    falling = (right - bins_hz) / (right - middle)
    triangles = torch.minimum(rising, falling).clamp(min=0.0)
    return (triangles * 2.0 / (right - left)).float()


def decode_pitch(salience: Tensor, cents: Tensor, threshold: float) -> Tensor:
    """Salience (B, T, bins) in 0..1 and the bins' cents above 10 Hz -> pitch (B, T) float32 in Hz:
    the mean of the cents around the most likely bin, weighted by salience. 0 if no bin is above
    `threshold`, or outside 50..1100 Hz."""
    salience = salience.float()
    highest, best = salience.max(-1, keepdim=True)
    # Clamped to the first and last bin, 32 Hz and 2 kHz, which are outside the valid range anyway.
    offsets = torch.arange(-REACH, REACH + 1, device=salience.device)
    near = (best + offsets).clamp(0, cents.shape[0] - 1)  # (B, T, 2 REACH + 1)
    weights = salience.gather(-1, near)
    total = weights.sum(-1).clamp(min=MIN_SALIENCE)
    mean_cents = (weights * cents[near]).sum(-1) / total
    hz = ZERO_CENTS_HZ * torch.exp2(mean_cents / OCTAVE_CENTS)
    is_pitch = (highest[..., 0] > threshold) & (hz >= MIN_HZ) & (hz <= MAX_HZ)
    return torch.where(is_pitch, hz, 0.0)
