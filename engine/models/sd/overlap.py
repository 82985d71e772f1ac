"""Overlaps the three stages of consecutive batches, each stage on its own CUDA stream. Tested only with a device.

While the UNet paints one batch, the next is uploaded and encoded, and the previous one is decoded and downloaded. The
host waits only for the oldest of a few batches in flight. This works with lcm, turbo, deis, euler and dpm, and with a
model's own DDIM, PNDM, LCM, Euler or DPM scheduler. Other diffusers schedulers, such as UniPC, and DeepCache wait for
the device in each step: then the stages overlap less, with the same pictures.

Why this is safe:
- Events order the stages of one batch; a stream orders the batches of one stage. A captured graph overwrites its
  buffers at its next replay, but the copy out of them is queued before that replay on the same stream.
- A tensor that passes to another stream is recorded there; otherwise the allocator would reuse its memory too early.
- No stream is shared, not even with a captured graph: they would share a cuBLAS workspace (see `graphs`).
- Each batch in flight has its own pinned buffers for upload and download.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch

from engine.models.device_work import DeviceCopies, StageClock, own_stream
from engine.models.sd.batch_stages import BatchStages

IN_FLIGHT = 3  # batches, one in each stage

Settle = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(source, pixels, fates) -> pixels and fates, after a second attempt for bad pictures."""


@dataclass(frozen=True, slots=True)
class LaunchedBatch:
    source: np.ndarray
    pixels: torch.Tensor
    fates: torch.Tensor
    """Both pinned, on the host."""
    done: Any
    """The event after their copies."""
    marks: list[StageClock]


def paint_overlapped(
    pieces: BatchStages, batches: Iterator[np.ndarray], settle: Settle
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(B, height, width, 3) uint8 and fates (B,) uint8 for each batch, in order. An error raised by `batches` is
    re-raised after the results of the previous batches."""
    streams = [own_stream(pieces.device) for _ in range(3)]
    uploads = [DeviceCopies(pieces.device) for _ in range(IN_FLIGHT)]
    flights: deque[LaunchedBatch] = deque()
    before = torch.cuda.current_stream(pieces.device)
    for stream in streams:
        stream.wait_stream(before)  # text encoding and noise upload are queued on this stream

    def finished(flight: LaunchedBatch) -> tuple[np.ndarray, np.ndarray]:
        flight.done.synchronize()
        pieces.seconds.read(flight.marks)
        pixels, fates = flight.pixels.numpy(), flight.fates.numpy()
        if fates.any():
            # A second attempt runs the same graphs on the caller's stream: later batches must be finished first.
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
        if len(flights) == IN_FLIGHT:
            yield finished(flights.popleft())
        # Reuse the upload buffers of the finished batch: the device has read them, so nothing waits.
        flights.append(launched(pieces, streams, uploads[number % IN_FLIGHT], source))
    yield from landed()


def launched(pieces: BatchStages, streams: list[Any], uploads: DeviceCopies, source: np.ndarray) -> LaunchedBatch:
    """Queue all three stages of a batch on the device."""
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
        # New pinned memory is cheap: torch caches freed blocks, and reuses them only after these copies.
        pixels = torch.empty(rgb.shape, dtype=rgb.dtype, pin_memory=True).copy_(rgb, non_blocking=True)
        verdicts = torch.empty(fates.shape, dtype=fates.dtype, pin_memory=True).copy_(fates, non_blocking=True)
        cuda: Any = torch.cuda  # torch does not annotate its events
        done = cuda.Event(blocking=True)  # without it the driver busy-waits
        done.record(decoding)
    return LaunchedBatch(source, pixels, verdicts, done, pieces.seconds.taken())
