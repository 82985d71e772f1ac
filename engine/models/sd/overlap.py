"""Batches through the three stages at once, each stage on a CUDA stream of its own. Unverified without a device.

While the UNet paints one batch, the next is brought to the device and encoded, and the one before is decoded and
brought home: copies and the VAE fill what the UNet leaves of the card. The host waits only for the oldest of a few
batches that are on their way: what one batch has prepared, the next ones are given to the device in all three stages
without waiting. So it is with lcm, turbo, deis, euler and dpm, and with a model's own DDIM, PNDM, LCM, Euler or DPM
scheduler. Others of diffusers may wait in each step, as UniPC does, and so does DeepCache: then the stages overlap
less, and the pictures are the same.

What makes that safe:
- Events order the stages of one batch; a stream orders the batches of one stage. So a stage's captured graph, whose
  buffers are written over by its next replay, is never replayed before the copy out of them is made, for that stands
  behind it on its own stream.
- A tensor that goes from one stream to the next is recorded there: else the allocator, which knows the stream that it
  came from, would give its memory away while the other still reads it.
- Each stream is nobody else's, no captured graph's either: they would share a workspace of cuBLAS (see `graphs`).
- Each batch on its way has its own pinned buffers to go up through, and comes home in pinned memory that belongs to its
  result.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch

from engine.models.device_work import DeviceCopies, StageClock, own_stream
from engine.models.sd.stage_pieces import StagePieces

ON_THEIR_WAY = 3  # one in each stage

Settle = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(source, pixels, fates) -> pixels and fates, painted again where that is due."""


@dataclass(frozen=True, slots=True)
class LaunchedBatch:
    source: np.ndarray
    pixels: torch.Tensor
    fates: torch.Tensor
    """Both pinned, on the host."""
    done: Any
    """The event behind their copies."""
    marks: list[StageClock]


def paint_overlapped(
    pieces: StagePieces, batches: Iterator[np.ndarray], settle: Settle
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(B, height, width, 3) uint8 and fates (B,) uint8 for each batch, in order. An error of `batches` comes after
    what it gave before."""
    streams = [own_stream(pieces.device) for _ in range(3)]
    uploads = [DeviceCopies(pieces.device) for _ in range(ON_THEIR_WAY)]
    flights: deque[LaunchedBatch] = deque()
    before = torch.cuda.current_stream(pieces.device)
    for stream in streams:
        stream.wait_stream(before)  # texts were encoded and noise was brought there

    def finished(flight: LaunchedBatch) -> tuple[np.ndarray, np.ndarray]:
        flight.done.synchronize()
        pieces.seconds.read(flight.marks)
        pixels, fates = flight.pixels.numpy(), flight.fates.numpy()
        if fates.any():
            # A second attempt runs the same graphs on the caller's stream: the batches behind must be through first.
            for stream in streams:
                before.wait_stream(stream)
        return settle(flight.source, pixels, fates)

    def landed() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while flights:
            yield finished(flights.popleft())

    for number in count():
        try:
            source = next(batches, None)
        except Exception:
            yield from landed()
            raise
        if source is None:
            break
        if len(flights) == ON_THEIR_WAY:
            yield finished(flights.popleft())
        # Its uploads were the finished batch's: the device is through with them.
        flights.append(launched(pieces, streams, uploads[number % ON_THEIR_WAY], source))
    yield from landed()


def launched(pieces: StagePieces, streams: list[Any], uploads: DeviceCopies, source: np.ndarray) -> LaunchedBatch:
    """All three stages of a batch given to the device."""
    encoding, processing, decoding = streams
    with torch.cuda.stream(encoding):
        z = pieces.encode(source, uploads)
        controls = pieces.controls(source, uploads)
    with torch.cuda.stream(processing):
        processing.wait_stream(encoding)
        for tensor in (z, *(control.picture for control in controls)):
            tensor.record_stream(processing)
        latents = pieces.process(z, controls)
    with torch.cuda.stream(decoding):
        decoding.wait_stream(processing)
        latents.record_stream(decoding)
        rgb, fates = pieces.decode(latents)
        # Pinned memory made anew costs nothing: torch keeps what is freed, and not before these copies are made.
        pixels = torch.empty(rgb.shape, dtype=rgb.dtype, pin_memory=True).copy_(rgb, non_blocking=True)
        verdicts = torch.empty(fates.shape, dtype=fates.dtype, pin_memory=True).copy_(fates, non_blocking=True)
        done = torch.cuda.Event(blocking=True)  # without it the driver spins
        done.record(decoding)
    return LaunchedBatch(source, pixels, verdicts, done, pieces.seconds.taken())
