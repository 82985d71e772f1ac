"""Voice conversion: files and a stream, in one run, on one device.

- `offline`: a sound in memory, all steps of `multiverse convert` except reading and writing,
  relative to its duration; on a GPU also half precision against float32. Times per stage come from
  a second run that synchronises after each.
- `live`: block by block as in the child, relative to the block length; on CUDA with and without
  captured graphs.
- `batch`: files of three seconds, four at once against one at a time, and the difference of their
  results.

The weights are random: the voice produces noise, at the speed of any voice of its size.
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.jobs.kit.options import option
from engine.models.rvc.shapes import shape_named
from tests.benchmarks.measuring import (
    Progress,
    device_facts,
    in_own_process,
    percentiles,
    stage_times,
)
from tests.benchmarks.options import ModelBench, number

if TYPE_CHECKING:
    from engine.models.graphs import ChainRunner
    from engine.models.rvc.model import VoiceModel
    from engine.models.rvc.stream import LiveVoice
    from tests.benchmarks.device_measuring import MeasuredDevice

UNVERIFIED = (
    "gain from CUDA graphs in a stream",
    "gain from float16",
    "gain from batches on a GPU",
    "contention with the renderer on one GPU",
    "speed at full model size",
)
"""Not measurable on a CPU."""
FILE_S = 3.0
FILES = {"cpu": 8}
FILES_ELSEWHERE = 32
BATCH = 4
ROUNDS = 3  # the median is reported
SECONDS = {"cpu": 20.0}
SECONDS_ELSEWHERE = 180.0
LIVE_FRACTION = 1 / 6  # fraction of `seconds` for each block size
MIN_BLOCKS = 20
RATE_HZ = 48_000
CROSSFADE_MS, EXTRA_MS = 50.0, 2500.0  # defaults of `/rvc/*`


@dataclass(frozen=True, slots=True, kw_only=True)
class RvcBench(ModelBench):
    """Measure voice conversion of files and streams, with random weights of the real size."""

    shape: str = option(
        "",
        "Model shape to measure. (default: v2-48k; on a CPU tiny)",
        metavar="v2-48k|v2-40k|v2-32k|v1-48k|v1-40k|v1-32k|tiny",
        shows_default=False,
    )
    seconds: float | None = option(
        None, "Length of the sound. (default: 180; on a CPU 20)", low=1.0, metavar="SECONDS"
    )
    block: tuple[float, ...] = option(
        (100.0, 250.0, 500.0),
        "Block length of the live conversion, repeatable. (default: 100 250 500)",
        metavar="MS",
        parse=number(20, 1500, kind=float),
    )
    files: int | None = option(
        None, "Number of 3 s files, for batches. (default: 32; on a CPU 8)", low=1, metavar="COUNT"
    )
    embeddings: int = option(20_000, "Vectors in the index.", low=40)


def run(options: RvcBench, progress: Progress) -> dict[str, Any]:
    """Figures by part; ModelError for an unknown shape or device."""
    if options.shape:
        shape_named(options.shape)
    return in_own_process(_measure, options, progress)


def _measure(options: RvcBench, progress: Progress) -> dict[str, Any]:
    return measure(options, progress)[0]


def spoken(seconds: float, rate_hz: int) -> np.ndarray:
    """Synthetic speech, (n,) float32: phrases of two seconds with a pitch gliding between 110 and
    220 Hz, and noise."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    hz = 110.0 * 2.0 ** (0.5 - 0.5 * np.cos(2.0 * np.pi * 0.3 * t))
    phase = 2.0 * np.pi * np.cumsum(hz) / rate_hz
    voice = sum(np.sin(k * phase) / k for k in range(1, 13))
    is_phrase = t % 2.5 < 2.0
    room = np.random.default_rng(0).standard_normal(len(t))
    return (0.15 * voice * is_phrase + 0.001 * room).astype(np.float32)


def measure(options: RvcBench, progress: Progress) -> tuple[dict[str, Any], "VoiceModel"]:
    """The figures, and the model that was measured."""
    from tests.benchmarks.device_measuring import measured_device

    target = measured_device(options.device, options.threads, is_exact=True)
    shape = options.shape or ("tiny" if target.kind == "cpu" else "v2-48k")
    seconds = options.seconds or SECONDS.get(target.kind, SECONDS_ELSEWHERE)
    files = options.files or FILES.get(target.kind, FILES_ELSEWHERE)
    progress(f"{shape}: a file", 0.0)
    model = _model(shape, options.embeddings, target, target.dtype_name)
    of_model = {"shape": shape, "pitch": model.pitch.name, "embeddings": options.embeddings}
    of_model["model_memory_mb"] = round(model.memory_bytes() / 2**20, 1)
    result = progress.begin(device_facts(target, UNVERIFIED) | of_model)
    result["offline"] = _offline(model, seconds)
    if target.dtype_name != "float32":
        slower = _offline(_model(shape, options.embeddings, target, "float32"), seconds)
        result["offline"]["float32"] = slower
        result["offline"]["times_float32"] = round(slower["s"] / result["offline"]["s"], 3)
    result["live"] = {}
    for index, block_ms in enumerate(options.block):
        progress(f"{shape}: blocks of {block_ms:g} ms", 0.2 + 0.3 * index / len(options.block))
        result["live"][f"{block_ms:g} ms"] = _live(model, block_ms, seconds * LIVE_FRACTION)
    progress(f"{shape}: {files} files", 0.5)
    result["batch"] = _batch(model, files)
    return result, model


def _model(shape: str, embeddings: int, target: "MeasuredDevice", dtype: str) -> "VoiceModel":
    from engine.models.rvc.load import load
    from engine.models.rvc.spec import RANDOM, VoiceSpec

    return load(
        VoiceSpec(model=f"{RANDOM}{shape}", index=f"{RANDOM}{embeddings}"), target.device, dtype
    )


def _offline(model: "VoiceModel", seconds: float) -> dict[str, Any]:
    """Convert one sound from 16 kHz in memory to the model's rate in memory."""
    from engine.models.rvc.offline import PerformanceProfiler, VoiceConverter
    from engine.models.rvc.optimization import OptimizationConfig
    from engine.models.rvc.spec import VoiceSettings
    from tests.benchmarks.device_measuring import interleaved_ms, memory_mb, reset_peak_memory

    sound = spoken(seconds, 16_000)
    options = OptimizationConfig.for_device(model.device.type)
    converter = VoiceConverter(model, VoiceSettings(), options)
    converter.convert_sound(sound)  # warm-up
    reset_peak_memory(model.device)
    # The result is copied to the host, so the device has finished.
    times_ms = interleaved_ms({"sound": lambda: converter.convert_sound(sound)}, rounds=ROUNDS)[
        "sound"
    ]
    took_s, peak_mb = float(np.median(times_ms)) / 1000.0, memory_mb(model.device)
    profiler = PerformanceProfiler(model.device)
    profiled = VoiceConverter(model, VoiceSettings(), options, profiler=profiler)
    began_s = time.perf_counter()
    converted = profiled.convert_sound(sound)
    total_ms = (time.perf_counter() - began_s) * 1000.0
    stages_ms = {
        row.stage: row.total_s * 1000.0 for row in profiler.report() if row.stage != "other"
    }
    return {
        "seconds": round(len(converted) / model.rate_hz, 3),
        "s": round(took_s, 4),
        "real_time_factor": round(took_s / seconds, 5),
        "times_real_time": round(seconds / took_s, 2),
        "peak_memory_mb": round(peak_mb),
        "batch": options.batch_size,
        "stages": stage_times(stages_ms, total_ms),
    }


def _live(model: "VoiceModel", block_ms: float, seconds: float) -> dict[str, Any]:
    from engine.models.graphs import DirectRunner
    from tests.benchmarks.device_measuring import memory_mb, reset_peak_memory

    reset_peak_memory(model.device)
    result = _measure_stream(_voice(model, block_ms, None), seconds)
    result["peak_memory_mb"] = round(memory_mb(model.device))
    if model.device.type == "cuda":
        plain = _measure_stream(_voice(model, block_ms, DirectRunner()), seconds)
        result["without_graphs_ms_p50"] = plain["ms_p50"]
        result["times_without_graphs"] = round(plain["ms_p50"] / result["ms_p50"], 3)
    return result


def _voice(model: "VoiceModel", block_ms: float, calls: "ChainRunner | None") -> "LiveVoice":
    from engine.models.rvc.stream import LiveVoice

    return LiveVoice(
        model,
        rate_hz=RATE_HZ,
        block_ms=block_ms,
        crossfade_ms=CROSSFADE_MS,
        extra_ms=EXTRA_MS,
        runner=calls,
    )


def _measure_stream(voice: "LiveVoice", seconds: float) -> dict[str, Any]:
    """Times of a block, from its samples on the host to the converted ones on the host."""
    frames = voice.grid.block
    block_ms = 1000.0 * frames / RATE_HZ
    count = max(MIN_BLOCKS, round(seconds * RATE_HZ / frames))
    sound = spoken(count * frames / RATE_HZ, RATE_HZ).reshape(count, frames)
    voice.warm_up()
    times_ms: list[float] = []
    stages_ms: dict[str, float] = {}
    for index, block in enumerate(sound):
        began_s = time.perf_counter()
        voice.convert(block, first_sample=index * frames)
        times_ms.append((time.perf_counter() - began_s) * 1000.0)
        for stage_name, ms in voice.clock.read_ms().items():
            stages_ms[stage_name] = stages_ms.get(stage_name, 0.0) + ms
    return {
        "block_ms": round(block_ms, 3),
        "blocks": count,
        **percentiles(times_ms, ms_p50=50, ms_p99=99, ms_max=100),
        "real_time_factor": round(float(np.median(times_ms)) / block_ms, 4),
        "longer_than_the_block": sum(each > block_ms for each in times_ms),
        "algorithmic_delay_ms": round(block_ms + 1000.0 * voice.grid.lag / RATE_HZ, 3),
        "stages": stage_times(stages_ms, sum(times_ms), count),
    }


def _batch(model: "VoiceModel", files: int) -> dict[str, Any]:
    """Convert files of three seconds, one piece each, in one call: both ways alternately; on a CPU
    once."""
    from engine.models.rvc.cutting import cut_into_spans, read_piece
    from engine.models.rvc.offline import VoiceConverter
    from engine.models.rvc.optimization import OptimizationConfig
    from engine.models.rvc.spec import VoiceSettings
    from tests.benchmarks.device_measuring import interleaved_ms

    options = OptimizationConfig.for_device(model.device.type)
    converters = {
        size: VoiceConverter(
            model, VoiceSettings(), replace(options, batch_size=size, profiling=False)
        )
        for size in (1, BATCH)
    }
    whole = spoken(FILE_S * files, 16_000).reshape(files, -1)
    pieces = []
    for sound in whole:

        def read(first: int, count: int, sound: np.ndarray = sound) -> np.ndarray:
            return sound[first : first + count]

        spans = cut_into_spans(read, len(sound), converters[1].cutting)
        pieces += [read_piece(span, read, len(sound)) for span in spans]
    is_gpu = model.device.type != "cpu"
    results: dict[int, list[np.ndarray]] = {}

    def convert(size: int) -> None:
        # all of them: the last batch may be a smaller one
        results[size] = converters[size].convert(pieces)

    calls = {str(size): partial(convert, size) for size in converters}
    times_ms = interleaved_ms(calls, rounds=ROUNDS if is_gpu else 1, warm_up=1 if is_gpu else 0)
    one_s, four_s = (float(np.median(each)) / 1000.0 for each in times_ms.values())
    return {
        "files": files,
        "file_s": FILE_S,
        "one_at_a_time_s": round(one_s, 4),
        f"{BATCH}_at_once_s": round(four_s, 4),
        "times": round(one_s / four_s, 3),
        "differs": round(
            max(float(np.abs(a - b).max()) for a, b in zip(*results.values(), strict=True)), 6
        ),
    }
