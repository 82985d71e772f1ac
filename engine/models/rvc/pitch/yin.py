"""Pitch without a network, after de Cheveigne and Kawahara, "YIN" (JASA 2002), for all frames at
once.

Their d(lag) measures how much a sound differs from itself `lag` later: the mean of (x(j) - x(j +
lag))^2 over a window. Here both samples of a pair are weighted by one Gaussian, so every lag is
compared over the same time around the middle of the frame. Three Fourier transforms per frame give
all lags. The sum of squares is

    2 Re corr(w x^2, w) - 2 corr(w x, w x)        corr(a, b)(lag) = sum over j of a(j) b(j + lag)

Here corr(w, w) is the total weight of the pairs. Outside the sound w is 0.

The normalised difference of a lag is d(lag) / mean of d up to lag (their step 3): 0 for a periodic
sound, about 1 for noise. Of the dips that are nearly the deepest the shortest lag is taken (4),
refined between samples with a parabola (5). A frame then follows the clearest frame within 30 ms
(6): it takes its own deepest dip near that frame's lag, and is voiced if that frame is clear and
its own dip is not too shallow. This corrects octave errors at onsets and ends of a voice. Noise,
where no frame is clear, stays unvoiced.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from engine.models.device_work import max_conv_length
from engine.models.rvc.pitch import HOP, MAX_HZ, MIN_HZ, RATE_HZ

FRAME = 1024
SIGMA = 180.0  # samples: 8 ms for the middles of the pairs; 1.5 periods of 50 Hz at half height
TRANSFORM = 1536  # at least FRAME + MAX_LAG, or lags would wrap around
MIN_LAG = int(RATE_HZ / MAX_HZ)
MAX_LAG = int(RATE_HZ / MIN_HZ) + 2
FIRST = 2  # the shortest lag with a neighbour on either side
EDGE = -(-FRAME // 2 // HOP)  # frames at either end whose window may extend beyond the sound
TOGETHER = 4096  # frames transformed at once: 25 MB per buffer

# Higher frequencies contain breath noise, and make dips so narrow that they fall between two
# samples.
CUTOFF_HZ = 1500.0
TAPS = 33
SILENCE = 1e-8  # mean squared difference: sound below about -80 dBFS is unvoiced

NEARLY = 0.05
CLEAR = 0.2
MAX_SHALLOW = 0.5
VICINITY = 3  # frames
MAX_LAG_RATIO = 1.2  # maximum ratio of two lags of one voice within the vicinity
NONE = 2.0  # above any dip: marks "no dip"


class Yin:
    name = "yin"
    networks: tuple[torch.nn.Module, ...] = ()
    frame_multiple = HOP

    def __init__(self, device: torch.device) -> None:
        self._offsets = torch.arange(FRAME, device=device) - FRAME // 2
        self._window = torch.exp(-0.5 * (self._offsets / SIGMA) ** 2)
        self._lags = torch.arange(1, MAX_LAG + 1, device=device)
        self._low_pass = low_pass().to(device)

    @torch.no_grad()
    def track(self, sound: Tensor) -> Tensor:
        """Track the pitch of (B, n) float32 at 16 kHz: (B, n // 160) float32 in Hz, 0 where
        unvoiced."""
        if sound.shape[1] < HOP:
            return sound.new_zeros(sound.shape[0], 0)
        sound = self._low_passed(sound.float())
        difference, pairs = self._difference(sound)
        mean = difference.cumsum(-1) / self._lags
        normalised = (difference + SILENCE) / (mean + SILENCE)
        dip, is_pitch = choose_dips(dips(normalised, pairs))
        around = (difference.gather(-1, dip[..., None] + step)[..., 0] for step in (0, 1, 2))
        shift, _ = parabola(*around)
        hz = RATE_HZ / (dip + FIRST + shift)
        return torch.where(is_pitch, hz.clamp(MIN_HZ, MAX_HZ), 0.0)

    def _low_passed(self, sound: Tensor) -> Tensor:
        """(B, n) -> the same, in pieces if the device limits the length of a convolution."""
        count = sound.shape[1]
        longest = max_conv_length(sound.device)
        if count <= longest:
            return conv1d(sound[:, None], self._low_pass, padding=TAPS // 2)[:, 0]
        padded = pad(sound, (TAPS // 2, TAPS // 2))[:, None]
        pieces = []
        for first in range(0, count, longest):
            piece = padded[..., first : first + longest + TAPS - 1]
            pieces.append(conv1d(piece, self._low_pass)[:, 0])
        return torch.cat(pieces, 1)

    def _difference(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared difference of each lag from 1 on, (B, T, MAX_LAG), and the weight of its
        pairs, (T, MAX_LAG)."""
        count = sound.shape[1] // HOP
        kinds, kind = window_kinds(count, sound.device)
        edge = TAPS // 2  # the low-pass filter reads silence there
        positions = HOP * kinds[:, None] + self._offsets  # (kinds, FRAME)
        is_sound = (positions >= edge) & (positions < sound.shape[1] - edge)
        windows = self._window * is_sound
        spectra = torch.fft.rfft(windows, TRANSFORM)
        lags = slice(1, MAX_LAG + 1)
        pairs = torch.fft.irfft(power(spectra), TRANSFORM)[:, lags]  # (kinds, MAX_LAG)
        padded = pad(sound, (FRAME // 2, FRAME // 2))
        frames = padded.unfold(1, FRAME, HOP)[:, :count]  # (B, T, FRAME)
        groups = zip(torch.split(frames, TOGETHER, 1), torch.split(kind, TOGETHER), strict=True)
        sums = []
        for some, of_kind in groups:
            window = windows[of_kind]
            mean = (some * window).sum(-1, keepdim=True) / window.sum(-1, keepdim=True)
            # A DC offset does not change differences, but costs float32 precision.
            centred = some - mean
            windowed = centred * window
            energy = torch.fft.rfft(windowed * centred, TRANSFORM)
            product = power(torch.fft.rfft(windowed, TRANSFORM))
            both = (energy.conj() * spectra[of_kind]).real - product
            sums.append(2.0 * torch.fft.irfft(both, TRANSFORM)[..., lags])
        difference = torch.cat(sums, 1) / pairs.clamp(min=1.0)[kind]
        return difference, pairs[kind]


def low_pass() -> Tensor:
    """Low-pass filter (1, 1, TAPS) float32: a Hann-windowed sinc with half the amplitude at
    CUTOFF_HZ."""
    times = torch.arange(TAPS, dtype=torch.float64) - TAPS // 2
    hann = 0.5 + 0.5 * torch.cos(2.0 * torch.pi * times / (TAPS + 1))
    taps = torch.sinc(2.0 * CUTOFF_HZ / RATE_HZ * times) * hann
    return (taps / taps.sum()).float()[None, None]


def window_kinds(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """One frame index for each kind of window, and the kind of each frame. Windows differ only near
    the ends."""
    frames = torch.arange(count, device=device)
    kinds = frames[: 2 * EDGE + 1]
    skipped = count - kinds.shape[0]  # these are all of the middle kind
    indices = torch.where(kinds > EDGE, kinds + skipped, kinds)
    kind_of_each = torch.maximum(frames.clamp(max=EDGE), frames - skipped)
    return indices, kind_of_each


def dips(normalised: Tensor, pairs: Tensor) -> Tensor:
    """Depth of each dip, or NONE: (B, T, lags) from lag 1 on, (T, lags) -> (B, T, lags - 2) from
    lag FIRST on."""
    before = normalised[..., :-2]
    at = normalised[..., 1:-1]
    after = normalised[..., 2:]
    lags = torch.arange(at.shape[-1], device=at.device) + FIRST
    is_dip = (at <= before) & (at < after) & (lags >= MIN_LAG) & (pairs[:, 1:-1] > 1.0)
    return torch.where(is_dip, parabola(before, at, after)[1], NONE)


def choose_dips(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Choose dips: (B, T, lags) from `dips` -> index of each frame's dip and True if it is voiced,
    each (B, T)."""
    is_nearly_deepest = depth <= depth.amin(-1, keepdim=True) + NEARLY
    dip = is_nearly_deepest.int().argmax(-1, keepdim=True)  # (B, T, 1), the shortest lag
    own_depth = depth.gather(-1, dip)[..., 0]  # (B, T)
    clearest, at_frame = vicinity(own_depth, NONE).min(-1, keepdim=True)
    theirs = vicinity(dip[..., 0], 0).gather(-1, at_frame) + FIRST
    lags = torch.arange(depth.shape[-1], device=depth.device) + FIRST
    is_near = (lags >= theirs / MAX_LAG_RATIO) & (lags <= theirs * MAX_LAG_RATIO)
    own, dip = torch.where(is_near, depth, NONE).min(-1)
    is_voiced = (clearest[..., 0] < CLEAR) & (own < MAX_SHALLOW)
    return dip, is_voiced


def vicinity(values: Tensor, outside: float) -> Tensor:
    """Values of each frame and its neighbours, (B, T) -> (B, T, 2 VICINITY + 1); the frame itself
    is in the middle."""
    padded = pad(values, (VICINITY, VICINITY), value=outside)
    return padded.unfold(1, 2 * VICINITY + 1, 1)


def parabola(before: Tensor, at: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Minimum of the parabola through three values, the middle one lowest: offset from the middle,
    and value."""
    bend = before - 2.0 * at + after
    shift = torch.where(bend > 0.0, 0.5 * (before - after) / bend, 0.0).clamp(-1.0, 1.0)
    return shift, at - 0.25 * (before - after) * shift


def power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()
