"""Overlaps the three stages of consecutive batches, each stage on its own CUDA stream. Tested only
with a device.

While the UNet paints one batch, the next is uploaded and encoded, and the previous one is decoded
and downloaded. The host waits only for the oldest of a few batches in flight. This works with lcm,
turbo, deis, euler and dpm, and with a model's own DDIM, PNDM, LCM, Euler or DPM scheduler. Other
diffusers schedulers, such as UniPC, and DeepCache wait for the device in each step: then the stages
overlap less, with the same pictures.

Why this is safe:
- Events order the stages of one batch; a stream orders the batches of one stage. A captured graph
  overwrites its buffers at its next replay, but the copy out of them is queued before that replay
  on the same stream.
- A tensor that passes to another stream is recorded there; otherwise the allocator would reuse its
  memory too early.
- No stream is shared, not even with a captured graph: they would share a cuBLAS workspace (see
  `graphs`).
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
from engine.models.sd.batch_pipeline import BatchPipeline

IN_FLIGHT = 3  # batches, one in each stage

Repaint = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(source, pixels, outcomes) -> pixels and outcomes, after a second attempt for bad pictures."""


@dataclass(frozen=True, slots=True)
class LaunchedBatch:
    source: np.ndarray
    pixels: torch.Tensor
    outcomes: torch.Tensor
    """Both pinned, on the host."""
    done: Any
    """The event after their copies."""
    marks: list[StageClock]


def paint_overlapped(
    pipeline: BatchPipeline, batches: Iterator[np.ndarray], repaint: Repaint
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Paint batches, in order. Yields (B, height, width, 3) uint8 and outcomes (B,) uint8 for each.
    An error raised by `batches` is re-raised after the results of the previous batches."""
    streams = [own_stream(pipeline.device) for _ in range(3)]
    uploads = [DeviceCopies(pipeline.device) for _ in range(IN_FLIGHT)]
    flights: deque[LaunchedBatch] = deque()
    before = torch.cuda.current_stream(pipeline.device)
    for stream in streams:
        stream.wait_stream(before)  # text encoding and noise upload are queued on this stream

    def finish(flight: LaunchedBatch) -> tuple[np.ndarray, np.ndarray]:
        flight.done.synchronize()
        pipeline.seconds.read(flight.marks)
        pixels = flight.pixels.numpy()
        outcomes = flight.outcomes.numpy()
        if outcomes.any():
            # A second attempt runs the same graphs on the caller's stream: later batches must be
            # finished first.
            for stream in streams:
                before.wait_stream(stream)
        return repaint(flight.source, pixels, outcomes)

    def drain() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while flights:
            yield finish(flights.popleft())

    for number in count():
        try:
            source = next(batches, None)
        except Exception:
            yield from drain()
            raise
        if source is None:
            break
        if len(flights) == IN_FLIGHT:
            yield finish(flights.popleft())
        # Reuse the upload buffers of the finished batch: the device has read them, so nothing
        # waits.
        flights.append(launch(pipeline, streams, uploads[number % IN_FLIGHT], source))
    yield from drain()


def launch(
    pipeline: BatchPipeline, streams: list[Any], uploads: DeviceCopies, source: np.ndarray
) -> LaunchedBatch:
    """Queue all three stages of a batch on the device."""
    encoding, processing, decoding = streams
    with torch.cuda.stream(encoding):
        z = pipeline.encode(source, uploads)
        controls = pipeline.controls(source, uploads)
    with torch.cuda.stream(processing):
        processing.wait_stream(encoding)
        for tensor in (z, *(control.picture for control in controls)):
            tensor.record_stream(processing)
        latents = pipeline.process(z, controls)
    with torch.cuda.stream(decoding):
        decoding.wait_stream(processing)
        latents.record_stream(decoding)
        rgb, outcomes = pipeline.decode(latents)
        # New pinned memory is cheap: torch caches freed blocks, and reuses them only after these
        # copies.
        pixels = torch.empty(rgb.shape, dtype=rgb.dtype, pin_memory=True).copy_(
            rgb, non_blocking=True
        )
        verdicts = torch.empty(outcomes.shape, dtype=outcomes.dtype, pin_memory=True).copy_(
            outcomes, non_blocking=True
        )
        cuda: Any = torch.cuda  # torch does not annotate its events
        done = cuda.Event(blocking=True)  # without it the driver busy-waits
        done.record(decoding)
    return LaunchedBatch(source, pixels, verdicts, done, pipeline.seconds.pop_marks())
