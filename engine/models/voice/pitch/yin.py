"""Pitch without weights, after de Cheveigne and Kawahara, "YIN" (JASA 2002), all frames at once.

Their d(lag) is how much a sound differs from itself `lag` later, summed over a window. Here the window is a Gaussian,
laid on both samples of a pair: w(j) w(j + lag) = w_narrow(j + lag/2)^2 exp(-lag^2 / 4 s^2), so each lag is compared
around the frame's own middle, over the same time, and three Fourier transforms a frame give all lags. A lag counts by
d(lag) / mean of d up to lag (their step 3), which is 0 for a periodic sound and about 1 for noise.
"""

import torch
from torch import Tensor

from engine.models.voice.pitch import HIGHEST_HZ, HOP, LOWEST_HZ, RATE_HZ

FRAME = 1024
SIGMA = 170.0
TRANSFORM = 1536  # samples: at least FRAME + LONGEST, so that no lag wraps around
SHORTEST = int(RATE_HZ / HIGHEST_HZ)
LONGEST = int(RATE_HZ / LOWEST_HZ) + 2
THRESHOLD = 0.25


class Yin:
    name = "yin"
    networks: tuple[torch.nn.Module, ...] = ()
    frame_multiple = HOP

    def __init__(self, device: torch.device) -> None:
        times = torch.arange(FRAME, device=device) - FRAME // 2
        self._window = torch.exp(-0.5 * (times / SIGMA) ** 2)
        self._window_spectrum = torch.fft.rfft(self._window, TRANSFORM)
        self._overlap = torch.fft.irfft(self._window_spectrum.abs() ** 2, TRANSFORM)[: LONGEST + 1]

    def track(self, sound: Tensor) -> Tensor:
        """(B, n) float32 of 16 kHz -> (B, n // 160) float32 in Hz, 0 where there is no pitch."""
        count = sound.shape[1] // HOP
        padded = torch.nn.functional.pad(sound.float(), (FRAME // 2, FRAME // 2))
        frames = padded.unfold(1, FRAME, HOP)[:, :count]  # (B, T, FRAME)
        difference = self._difference(frames)  # (B, T, lags)
        lags = torch.arange(1, LONGEST + 1, device=sound.device)
        mean = difference[..., 1:].cumsum(-1) / lags
        relative = difference[..., 1:] / (mean + 1e-9)  # lag 1 first
        middle = relative[..., 1:-1]
        is_dip = (middle <= relative[..., :-2]) & (middle < relative[..., 2:]) & (lags[1:-1] >= SHORTEST)
        dips = torch.where(is_dip, middle, 2.0)
        best = dips.amin(-1, keepdim=True)
        first = (dips <= (best + 0.05)).int().argmax(-1, keepdim=True)
        before, at, after = (difference.gather(-1, first + step) for step in (1, 2, 3))
        bend = before - 2.0 * at + after
        offset = torch.where(bend > 0, 0.5 * (before - after) / bend, 0.0).clamp(-1.0, 1.0)
        hz = RATE_HZ / (first + 2 + offset).squeeze(-1)
        return torch.where(best.squeeze(-1) < THRESHOLD, hz.clamp(LOWEST_HZ, HIGHEST_HZ), 0.0)

    def _difference(self, frames: Tensor) -> Tensor:
        windowed = frames * self._window
        spectrum = torch.fft.rfft(windowed, TRANSFORM)
        power = torch.fft.rfft(windowed * frames, TRANSFORM)
        both = (power.conj() * self._window_spectrum).real - (spectrum.real**2 + spectrum.imag**2)
        return (
            torch.fft.irfft(torch.complex(both, torch.zeros_like(both)), TRANSFORM)[..., : LONGEST + 1] / self._overlap
        )
