"""Pitch without weights, after de Cheveigne and Kawahara, "YIN" (JASA 2002), all frames at once.

Their d(lag) is how much a sound differs from itself `lag` later: the mean of (x(j) - x(j + lag))^2 over a window. Here
both samples of a pair are weighed by one Gaussian: w(j) w(j + lag) is a narrower Gaussian around the pair's middle,
times a number, so that every lag is compared over the same time around the frame's own middle, and three Fourier
transforms a frame give all lags. The sum of the squares is

    2 Re corr(w x^2, w) - 2 corr(w x, w x)        corr(a, b)(lag) = sum over j of a(j) b(j + lag)

and corr(w, w) counts its pairs. Where a window reaches past an end of the sound, w is 0 there.

A lag's unlikeness is d(lag) / mean of d up to lag (their step 3): 0 for a periodic sound, about 1 for noise. Two
periods fit as well as one, so of the dips that are nearly the deepest the shortest is taken (4), its place between
samples from a parabola (5). A frame then listens to the clearest one within 30 ms (6): it takes its own deepest dip
near that one's, and has a pitch if that one is clear and its own not hopeless. This mends octaves where a voice sets
in and fades, and keeps those moments voiced, while noise, where nothing is clear, gets no pitch.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from engine.models.device_work import max_convolved
from engine.models.rvc.pitch import HOP, MAX_HZ, MIN_HZ, RATE_HZ

FRAME = 1024
SIGMA = 180.0  # samples: of the pairs' middles 8 ms, or one and a half periods of 50 Hz at half height
TRANSFORM = 1536  # at least FRAME + LONGEST, or lags would wrap around
SHORTEST = int(RATE_HZ / MAX_HZ)
LONGEST = int(RATE_HZ / MIN_HZ) + 2
FIRST = 2  # the shortest lag that can be a dip: it has a neighbour on either side
EDGE = -(-FRAME // 2 // HOP)  # frames at either end whose window may reach past it
TOGETHER = 4096  # frames transformed at once: 25 MB a buffer

CUTOFF_HZ = 1500.0  # what is higher sharpens dips until they fall between two samples; breath lies there, too
TAPS = 33
SILENCE = 1e-8  # mean squared difference: below about -80 dBFS nothing is periodic

NEARLY = 0.05
CLEAR = 0.2
HOPELESS = 0.5
VICINITY = 3  # frames
APART = 1.2  # the most that two lags of one voice differ within the vicinity, as a ratio
NONE = 2.0  # deeper than any dip: where there is none


class Yin:
    name = "yin"
    networks: tuple[torch.nn.Module, ...] = ()
    frame_multiple = HOP

    def __init__(self, device: torch.device) -> None:
        self._places = torch.arange(FRAME, device=device) - FRAME // 2
        self._window = torch.exp(-0.5 * (self._places / SIGMA) ** 2)
        self._lags = torch.arange(1, LONGEST + 1, device=device)
        self._low_pass = low_pass().to(device)

    @torch.no_grad()
    def track(self, sound: Tensor) -> Tensor:
        """(B, n) float32 of 16 kHz -> (B, n // 160) float32 in Hz, 0 where there is no pitch."""
        if sound.shape[1] < HOP:
            return sound.new_zeros(sound.shape[0], 0)
        sound = self._low_passed(sound.float())
        difference, pairs = self._difference(sound)
        unlikeness = (difference + SILENCE) / (difference.cumsum(-1) / self._lags + SILENCE)
        place, is_pitch = settled(dips(unlikeness, pairs))
        around = (difference.gather(-1, place[..., None] + step)[..., 0] for step in (0, 1, 2))
        hz = RATE_HZ / (place + FIRST + parabola(*around)[0])
        return torch.where(is_pitch, hz.clamp(MIN_HZ, MAX_HZ), 0.0)

    def _low_passed(self, sound: Tensor) -> Tensor:
        """(B, n) -> the same, in pieces where the device takes no longer ones."""
        count, most = sound.shape[1], max_convolved(sound.device)
        if count <= most:
            return conv1d(sound[:, None], self._low_pass, padding=TAPS // 2)[:, 0]
        padded = pad(sound, (TAPS // 2, TAPS // 2))[:, None]
        pieces = (padded[..., first : first + most + TAPS - 1] for first in range(0, count, most))
        return torch.cat([conv1d(piece, self._low_pass)[:, 0] for piece in pieces], 1)

    def _difference(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, LONGEST): mean squared difference of each lag from 1 on; (T, LONGEST): of how many pairs it is the
        mean, as the window weighs them."""
        count = sound.shape[1] // HOP
        kinds, kind = window_kinds(count, sound.device)
        places = HOP * kinds[:, None] + self._places
        windows = self._window * ((places >= TAPS // 2) & (places < sound.shape[1] - TAPS // 2))
        spectra = torch.fft.rfft(windows, TRANSFORM)
        pairs = torch.fft.irfft(power(spectra), TRANSFORM)[:, 1 : LONGEST + 1]
        frames = pad(sound, (FRAME // 2, FRAME // 2)).unfold(1, FRAME, HOP)[:, :count]
        sums = []
        for some, of_kind in zip(frames.split(TOGETHER, 1), kind.split(TOGETHER), strict=True):
            window = windows[of_kind]
            mean = (some * window).sum(-1, keepdim=True) / window.sum(-1, keepdim=True)
            centred = some - mean  # an offset changes no difference, but float32 would drown them in it
            windowed = centred * window
            energy = torch.fft.rfft(windowed * centred, TRANSFORM)
            both = (energy.conj() * spectra[of_kind]).real - power(torch.fft.rfft(windowed, TRANSFORM))
            sums.append(2.0 * torch.fft.irfft(both, TRANSFORM)[..., 1 : LONGEST + 1])
        return torch.cat(sums, 1) / pairs.clamp(min=1.0)[kind], pairs[kind]


def low_pass() -> Tensor:
    """(1, 1, TAPS) float32: half of it passes at CUTOFF_HZ, a Hann-windowed sinc."""
    times = torch.arange(TAPS, dtype=torch.float64) - TAPS // 2
    taps = torch.sinc(2.0 * CUTOFF_HZ / RATE_HZ * times) * (0.5 + 0.5 * torch.cos(2.0 * torch.pi * times / (TAPS + 1)))
    return (taps / taps.sum()).float()[None, None]


def window_kinds(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Windows differ near the ends only: a frame of each kind, and each frame's kind."""
    frames = torch.arange(count, device=device)
    kinds = frames[: 2 * EDGE + 1]
    skipped = count - kinds.shape[0]  # all of one kind, the middle one
    return torch.where(kinds > EDGE, kinds + skipped, kinds), torch.maximum(frames.clamp(max=EDGE), frames - skipped)


def dips(unlikeness: Tensor, pairs: Tensor) -> Tensor:
    """(B, T, lags) from lag 1 on, (T, lags) -> (B, T, lags - 2) from lag FIRST on: how deep each dip is, else NONE."""
    before, at, after = unlikeness[..., :-2], unlikeness[..., 1:-1], unlikeness[..., 2:]
    lags = torch.arange(at.shape[-1], device=at.device) + FIRST
    is_dip = (at <= before) & (at < after) & (lags >= SHORTEST) & (pairs[:, 1:-1] > 1.0)
    return torch.where(is_dip, parabola(before, at, after)[1], NONE)


def settled(depth: Tensor) -> tuple[Tensor, Tensor]:
    """(B, T, lags) as `dips` returns it -> (B, T): the place of each frame's dip, and whether the frame has a pitch."""
    place = (depth <= depth.amin(-1, keepdim=True) + NEARLY).int().argmax(-1, keepdim=True)
    clearness = depth.gather(-1, place)[..., 0]
    clearest, who = vicinity(clearness, NONE).min(-1, keepdim=True)
    theirs = vicinity(place[..., 0], 0).gather(-1, who) + FIRST
    lags = torch.arange(depth.shape[-1], device=depth.device) + FIRST
    is_near = (lags >= theirs / APART) & (lags <= theirs * APART)
    own, place = torch.where(is_near, depth, NONE).min(-1)
    return place, (clearest[..., 0] < CLEAR) & (own < HOPELESS)


def vicinity(values: Tensor, outside: float) -> Tensor:
    """(B, T) -> (B, T, 2 VICINITY + 1): those of each frame's neighbours, itself in the middle."""
    return pad(values, (VICINITY, VICINITY), value=outside).unfold(1, 2 * VICINITY + 1, 1)


def parabola(before: Tensor, at: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Through three neighbours, of which the one in the middle is lowest: how far its bottom is from that one, in
    samples, and how low it is."""
    bend = before - 2.0 * at + after
    shift = torch.where(bend > 0.0, 0.5 * (before - after) / bend, 0.0).clamp(-1.0, 1.0)
    return shift, at - 0.25 * (before - after) * shift


def power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()
