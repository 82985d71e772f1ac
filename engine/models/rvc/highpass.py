"""High-pass filter on the device: 48 Hz, Butterworth of order 5, run forwards and backwards (zero
phase).

SciPy's `filtfilt` is a recursion over all samples, which a GPU cannot parallelise. But its response
decays within a quarter of a second, so each direction is an FFT convolution in overlapping rows
(overlap-save), all at once. A single pass with |H|^2 would differ at the ends, where filtfilt cuts
off the ringing before the backward pass.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

RATE_HZ = 16_000
CUTOFF_HZ = 48.0
PADDING = 18  # samples by which filtfilt extends both ends: three times the six coefficients
MEMORY = 4096  # the slowest pole is 0.9942: after this many samples a response has decayed to 4e-11
ROW = 16_384
REACH = 2 * MEMORY
"""Samples needed on both sides of a piece to get the same result as for the whole sound."""


def high_pass(sound: Tensor) -> Tensor:
    """Remove frequencies below 48 Hz from (B, n) at 16 kHz; same shape and dtype; nothing waits for
    the device. Equals `scipy.signal.filtfilt(*butter(5, 48, "high", fs=16000))` to 1e-5 of full
    scale in float32. Both ends are extended by 18 samples by odd reflection; a sound shorter than
    19, which filtfilt refuses, by all its samples."""
    count = sound.shape[-1]
    if not count:
        return sound
    padding = min(PADDING, count - 1)
    first = sound[:, :1]
    last = sound[:, -1:]
    before = 2.0 * first - sound[:, 1 : 1 + padding].flip(-1)
    after = 2.0 * last - sound[:, count - 1 - padding : count - 1].flip(-1)
    extended = torch.cat((before, sound, after), -1)
    forwards = _one_way(extended)
    both_ways = _one_way(forwards.flip(-1)).flip(-1)
    return both_ways[:, padding : padding + count]


def high_pass_on_host(sound: np.ndarray) -> np.ndarray:
    """Filter (n,) float32 at 16 kHz in float64 on the CPU (RVC_GPU_FILTER off): a new array, (n,)
    float32."""
    batch = torch.from_numpy(sound.astype(np.float64))[None]  # (1, n)
    return high_pass(batch)[0].float().numpy()


def _one_way(sound: Tensor) -> Tensor:
    """One direction, (B, n). The first sample, as if it extended infinitely to the left, is
    subtracted: DC is cut."""
    batch, count = sound.shape
    step = ROW - MEMORY
    rows = -(-count // step)
    padded = F.pad(sound - sound[:, :1], (MEMORY, rows * step - count))
    spectra = torch.fft.rfft(padded.unfold(-1, ROW, step))  # (B, rows, ROW // 2 + 1)
    spectra = spectra * _response(sound.device, spectra.dtype)
    filtered = torch.fft.irfft(spectra, ROW)[..., MEMORY:]  # (B, rows, step)
    result: Tensor = filtered.reshape(batch, rows * step)[:, :count]
    return result


@cache  # never evicted, because captured graphs contain its address
def _response(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Frequency response (ROW // 2 + 1,), complex. Butterworth's polynomial (1930) in u = w_c / s.
    The bilinear transform maps s = j tan(w / 2), and the cutoff w_c = tan(pi 48 / 16000)."""
    half_angles = np.linspace(0.0, np.pi / 2.0, ROW // 2 + 1)[1:-1]
    cutoff = np.tan(np.pi * CUTOFF_HZ / RATE_HZ)
    u = -1j * cutoff / np.tan(half_angles)
    golden = (1.0 + 5.0**0.5) / 2.0
    polynomial = (1.0 + u) * (1.0 + u / golden + u * u) * (1.0 + u * golden + u * u)
    response = np.concatenate(([0.0], 1.0 / polynomial, [1.0]))  # 0 at 0, 1 at 8 kHz
    return torch.from_numpy(response).to(dtype).to(device)
