"""Cuts a long sound at quiet positions, adds the context that each piece needs, and limits peaks.
Does not load torch.

Only `frames` frames of a `Span` are part of the result. Its window has `lead` frames of context
before them and the rest after them: the neighbouring sound, or its reflection at the ends of the
sound. Windows come in few sizes (steps of a sixteenth), and only windows of equal size are batched:
padding would change the result, because the base HuBERT normalises over the whole window. The
window of a span depends only on the sound. Spans overlap by one frame of 10 ms, which is
crossfaded.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

RATE_HZ = 16_000
FRAME = 160
"""Samples per frame: 100 frames per second."""
MIN_STEP = 32  # frames: RMVPE halves its spectrogram five times
STEPS_PER_OCTAVE = 16
MAX_PEAK_IN = 0.95  # from RVC: a louder sound is attenuated as a whole
MAX_PEAK_OUT = 0.99

Read = Callable[[int, int], np.ndarray]
"""`read(first, count)` returns (count,) float32; the range is always inside the sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutLengths:
    """Lengths in seconds, with RVC's names and values (infer/modules/vc/pipeline.py)."""

    pad_s: float
    """Minimum context before and after the part that is used."""
    query_s: float
    """The quietest frame is searched this far before and after each multiple of `center_s`."""
    center_s: float
    max_s: float
    """Sounds up to this length are not cut."""


FULL = CutLengths(pad_s=1, query_s=6, center_s=38, max_s=41)
"""For float32."""
SMALL = CutLengths(pad_s=1, query_s=5, center_s=30, max_s=32)
"""For float32 on a device with 4 GB or less."""
SHORT = CutLengths(pad_s=1, query_s=2, center_s=12, max_s=16)
"""For devices whose convolutions are limited to 65 536 outputs: HuBERT's first one has one output
per five samples."""
HALF = CutLengths(pad_s=3, query_s=10, center_s=60, max_s=65)
"""For float16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of the sound, in frames."""

    start: int
    """Start of the part that is used."""
    frames: int
    """Length of the used part. Its last frame belongs to the next span too, except at the end of
    the sound."""
    lead: int
    """Frames of the window before the used part."""
    size: int
    """Frames of the window."""
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A span with its sound."""

    span: Span
    sound: np.ndarray
    """(span.size * 160,) float32 at 16 kHz."""


def cut_into_spans(read: Read, samples: int, cutting: CutLengths) -> list[Span]:
    """Cut a sound of `samples` at 16 kHz into spans, in order. An incomplete last frame is
    completed by reflection."""
    total = -(-samples // FRAME)
    pad = round(cutting.pad_s * RATE_HZ / FRAME)
    edges = [0, *(cut for cut in _cuts(read, samples, cutting) if 0 < cut < total), total]
    spans = []
    for start, end in pairwise(edges):
        is_last = end == total
        end += 0 if is_last else 1
        size = _window_size(end - start + 2 * pad)
        more = size - (end - start) - 2 * pad
        behind = min(more, max(0, total - end - pad))  # prefer real sound to reflection
        before = min(more - behind, max(0, start - pad))
        spans.append(
            Span(start=start, frames=end - start, lead=pad + before, size=size, is_last=is_last)
        )
    return spans


def read_piece(span: Span, read: Read, samples: int) -> Piece:
    """The span with the sound of its window, reflected beyond the ends."""
    first = (span.start - span.lead) * FRAME
    return Piece(span=span, sound=_read_reflected(read, samples, first, span.size * FRAME))


def group_by_size(sizes: Sequence[int], max_count: int) -> list[list[int]]:
    """Indices grouped by equal size, at most `max_count` per group, ordered by their first
    index."""
    groups: dict[int, list[list[int]]] = {}
    for index, size in enumerate(sizes):
        of_size = groups.setdefault(size, [[]])
        if len(of_size[-1]) == max_count:
            of_size.append([])
        of_size[-1].append(index)
    return sorted(
        (group for of_size in groups.values() for group in of_size), key=lambda group: group[0]
    )


def crossfade_spans(
    spans: Iterable[Span], parts: Iterable[np.ndarray], hop: int
) -> Iterator[np.ndarray]:
    """Crossfade and yield the converted spans, each (frames * hop,). Together they have exactly the
    sound's frames."""
    rise = ((np.arange(hop) + 0.5) / hop).astype(np.float32)
    tail: np.ndarray | None = None
    for span, part in zip(spans, parts, strict=True):
        if tail is not None:
            part = part.copy()
            part[:hop] = part[:hop] * rise + tail * (1 - rise)
        if span.is_last:
            yield part
        else:
            tail = part[-hop:].copy()
            yield part[:-hop]


def _cuts(read: Read, samples: int, cutting: CutLengths) -> Iterator[int]:
    """Yield the quietest frame near each multiple of the centre."""
    if samples <= cutting.max_s * RATE_HZ:
        return
    center = round(cutting.center_s * RATE_HZ)
    query = round(cutting.query_s * RATE_HZ)
    for middle in range(center, samples, center):
        low = middle - query
        high = min(middle + query, samples)
        loudness = np.abs(_read_reflected(read, samples, low - FRAME // 2, high - low + FRAME))
        until = np.concatenate(([0.0], np.cumsum(loudness, dtype=np.float64)))
        yield (low + int(np.argmin(until[FRAME:-1] - until[: -FRAME - 1]))) // FRAME


def _read_reflected(read: Read, samples: int, first: int, count: int) -> np.ndarray:
    """`count` samples from `first` on, mirrored before the start and after the end of the sound."""
    if first >= 0 and first + count <= samples:
        return read(first, count)
    period = max(2 * (samples - 1), 1)
    positions = np.arange(first, first + count) % period
    positions = np.minimum(positions, period - positions) if samples > 1 else positions
    low = int(positions.min())
    high = int(positions.max())
    return read(low, high - low + 1)[positions - low]


def _window_size(frames: int) -> int:
    """The next larger window size: longer by less than a sixteenth, or by less than 32 frames if
    that is more."""
    step = max(MIN_STEP, (1 << frames.bit_length() - 1) // STEPS_PER_OCTAVE)
    return -(-frames // step) * step


def limiting_gain(peak: float, max_peak: float) -> float:
    """Gain that brings a sound with this peak down to `max_peak`; 1 if it is not louder."""
    return max_peak / peak if peak > max_peak else 1.0
