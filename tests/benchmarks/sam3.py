"""SAM3 compared with transformers' implementation, in alternating calls, on the same weights,
device and run.

Ours is the child's work for one picture: pixels in, a sheet of masks out. Theirs ends with the
masks of the same objects at the picture's full size, on the device, and is measured twice: as a
user calls it, and with the prompts encoded beforehand (`ReferenceSegmenter` lists the steps).
Decoding is excluded from both; its cost is only shown for ours, where another thread decodes a
video. Tracking is compared in blocks of pictures that both process, each with its own memory. Each
call is synchronised, so that queued work is not missed.

The gain is in the work around the model, so the ratio is smaller for larger models: the tiny
detector has 32 channels, the tiny tracker 128.
"""

import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.ipc.segmentation_sheet import sheet_shape, write_sheet
from engine.jobs.kit.options import option
from engine.values import MAX_LIVE_OBJECTS, MAX_OBJECTS
from tests.benchmarks.clip import LoopedClip, write_clip
from tests.benchmarks.measuring import (
    Progress,
    device_facts,
    in_own_process,
    percentiles,
    stage_times,
)
from tests.benchmarks.options import PICTURE_SIZE, ModelBench, Size, number, one_of, read_size

if TYPE_CHECKING:
    from engine.models.device_work import StageClock
    from engine.models.sam3.model import SegmentationModel
    from engine.values import Segmentation

UNVERIFIED = (
    "gain from CUDA graphs",
    "bfloat16",
    "contention with the renderer on one GPU",
    "device memory over 2000 pictures",
    "speed at full model size",
)
"""Not measurable on a CPU."""
PROMPTS = ("person", "guitar", "lamp on the left", "dog")
THRESHOLD = 0.5
WARM_UP_CALLS = 3
MIN_CALLS = 5
REUSED_BATCHES = 6  # decoded in advance and reused
BLOCK_PICTURES = 10
MIN_FOLLOWED = 30
LAST_PICTURES = 50
WARM_UP_PICTURES = 9
"""Pictures after which each object remembers seven, as it then does until it is reconditioned."""
READ, TIDY, WRITE = "read (wait)", "tidy", "write"

Call = Callable[[np.ndarray], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam3Bench(ModelBench):
    """Compare SAM3, with random weights of the real size, with transformers' own, whose masks have
    the full size."""

    shape: str = option(
        "",
        "Model size to measure. (default: the real size; on a CPU tiny)",
        metavar="sam3|sam3.1|tiny|tiny3.1",
        shows_default=False,
    )
    mode: tuple[str, ...] = option(
        ("image", "track"),
        "Repeatable. (default: image track)",
        metavar="image|track",
        parse=one_of("image", "track"),
    )
    resolution: tuple[int, ...] = option(
        (),
        "1008, 840, 672, 504 or 336, repeatable. (default: 1008; tiny: 336)",
        metavar="PX",
        parse=lambda text: int(one_of("1008", "840", "672", "504", "336")(text)),
    )
    prompts: tuple[int, ...] = option(
        (1,),
        "Number of prompts, 1 to 4, repeatable. (default: 1)",
        metavar="COUNT",
        parse=number(1, 4),
    )
    size: Size = option(Size(width=1920, height=1080), PICTURE_SIZE, metavar="WxH", parse=read_size)
    objects: int = option(16, "Objects found in each picture.", low=1, high=MAX_OBJECTS)
    batch: int = option(1, "Pictures per batch; image mode only.", low=1, high=4)
    is_compiled: bool = option(
        False, "Compile ours before it is measured: minutes.", flags="--compile"
    )
    is_fp8: bool = option(
        False, "Our ViT in 8-bit floating point; tells the masks' IoU.", flags="--fp8"
    )
    seconds: float = option(5.0, "Length of each of a case's two measurements.", metavar="SECONDS")


def run(options: Sam3Bench, progress: Progress) -> dict[str, Any]:
    """Figures by mode, then by resolution and prompts; ModelError for an unknown shape or device.

    Times in ms, work in GFLOP (2 x multiply-adds) a picture, `tflops`: work per second."""
    return in_own_process(_measure, options, progress)


def _measure(options: Sam3Bench, progress: Progress) -> dict[str, Any]:
    from engine.models.device_work import free_memory
    from engine.models.sam3.fp8 import require_fp8
    from engine.models.sam3.load import prepare
    from engine.models.sam3.shapes import build, require_shape
    from tests.benchmarks.device_measuring import measured_device

    target = measured_device(options.device, options.threads, half="bfloat16")
    shape = options.shape or ("tiny" if target.kind == "cpu" else "sam3")
    resolutions = options.resolution or ((336,) if shape.startswith("tiny") else (1008,))
    for resolution in resolutions:
        require_shape(shape, resolution)
    if options.is_fp8:
        require_fp8(target.device)
    result = progress.begin(
        device_facts(target, UNVERIFIED) | {"shape": shape, "picture": str(options.size)}
    )
    cases = [
        (mode, side_px, count)
        for mode in options.mode
        for side_px in resolutions
        for count in options.prompts
    ]
    with tempfile.TemporaryDirectory(
        prefix="multiverse bench ", ignore_cleanup_errors=True
    ) as folder:
        clip = Path(folder) / "clip.mp4"
        progress("a video", 0.0)
        write_clip(clip, options.size.width, options.size.height)
        for number, (mode, resolution, count) in enumerate(cases):
            name = f"{resolution} px, {count} {'prompt' if count == 1 else 'prompts'}"
            progress(f"{shape} {mode}, {name}", number / len(cases))

            def built(
                dtype: Any,
                mode: str = mode,
                resolution: int = resolution,
                count: int = count,
                **changes: Any,
            ) -> Any:
                objects = max(1, options.objects // count)
                has_tracker = mode == "track"
                model = build(
                    shape,
                    resolution,
                    target.device,
                    dtype,
                    has_tracker=has_tracker,
                    objects=objects,
                )
                model.spec = replace(model.spec, **changes)
                prepare(model)
                return model

            model = built(target.dtype, is_compiled=options.is_compiled, is_fp8=options.is_fp8)
            theirs = built(target.dtype) if options.is_fp8 else model
            exact = target.in_float32()
            batch = 1 if mode == "track" else options.batch
            models = model, theirs, built(exact.dtype) if exact else None
            case = _Case(*models, PROMPTS[:count], options.objects, batch, clip)
            device = model.device
            measured = (
                case.track(options.seconds)
                if mode == "track"
                else case.detect(shape, options.seconds)
            )
            result.setdefault(mode, {})[name] = measured
            del model, theirs, models, case
            free_memory(device)
    return result


class _EngineSegmenter:
    """Process a batch as in the child: find objects, pack them into the sheets of a ring."""

    def __init__(
        self,
        model: "SegmentationModel",
        mode: str,
        texts: Sequence[str],
        objects: int,
        *,
        has_graphs: bool = True,
    ) -> None:
        from engine.models.graphs import DirectRunner
        from engine.models.sam3.segmenter import Segmenter

        self.segmenter = Segmenter(model, runner=None if has_graphs else DirectRunner())
        self.segmenter.mode, self.segmenter.threshold, self.segmenter.max_objects = (
            mode,
            THRESHOLD,
            objects,
        )
        self.segmenter.set_prompts(texts)
        self._sheet = np.zeros(sheet_shape(model.mask_side), np.uint8)
        self.write_s = 0.0
        """Total seconds spent on sheets."""

    def __call__(self, batch: np.ndarray) -> "list[Segmentation]":
        """`batch` (B, H, W, 3) uint8."""
        return self.launch(batch)()

    def launch(self, batch: np.ndarray) -> "Callable[[], list[Segmentation]]":
        """Queue the work; the returned function waits for it."""
        launched = self.segmenter.launch(batch)

        def finish() -> "list[Segmentation]":
            results = launched()
            began_s = time.perf_counter()
            for found in results:
                if len(found.objects) <= MAX_LIVE_OBJECTS:
                    write_sheet(self._sheet, found)
            self.write_s += time.perf_counter() - began_s
            return results

        return finish


class _Case:
    """One model: our implementation and theirs, with the same weights."""

    def __init__(
        self,
        model: "SegmentationModel",
        theirs: "SegmentationModel",
        exact: "SegmentationModel | None",
        texts: Sequence[str],
        objects: int,
        batch: int,
        clip: Path,
    ) -> None:
        """`theirs`: the same model, for transformers' pipeline; `exact`: in float32, to compare
        with, too."""
        from engine.models.device_work import device_wait

        self._model, self._texts, self._objects, self._batch, self._clip = (
            model,
            texts,
            objects,
            batch,
            clip,
        )
        self._theirs, self._exact = theirs, exact
        self._wait = device_wait(model.device)

    def detect(self, shape: str, seconds: float) -> dict[str, Any]:
        """Detect objects in single pictures."""
        from tests.benchmarks.device_measuring import interleaved_ms, memory_mb, reset_peak_memory
        from tests.benchmarks.gflop import sam3_gflop
        from tests.benchmarks.sam3_reference import ReferenceSegmenter, compare_with_transformers

        model, texts, objects = self._model, self._texts, self._objects
        reset_peak_memory(model.device)
        ours = _EngineSegmenter(model, "image", texts, objects)
        result = self._measure_stream(ours, seconds)
        work = sam3_gflop(shape, model.spec.resolution, len(texts))
        baseline = ReferenceSegmenter(self._theirs, texts)
        calls: dict[str, Call] = {
            "ours": ours,
            "call": lambda batch: [baseline.call(picture, THRESHOLD) for picture in batch],
            "prepared": lambda batch: [
                baseline.call_prepared(picture, THRESHOLD) for picture in batch
            ],
        }
        if self._exact:
            of_float32 = ReferenceSegmenter(self._exact, texts)
            calls["float32"] = _EngineSegmenter(self._exact, "image", texts, objects)
            calls["float32_call"] = lambda batch: [
                of_float32.call(picture, THRESHOLD) for picture in batch
            ]
        if model.device.type == "cuda":
            calls["without_graphs"] = _EngineSegmenter(
                model, "image", texts, objects, has_graphs=False
            )
        result |= {
            "peak_memory_mb": round(memory_mb(model.device)),
            "gflop": {part: round(amount, 2) for part, amount in work.items()},
            "tflops": round(sum(work.values()) / result["ms"], 4),
        }
        with closing(LoopedClip(self._clip, self._batch)) as video:
            batches = list(islice(video.batches(), REUSED_BATCHES))

        def fed(call: Call) -> Callable[[], object]:
            """The call with the next batch; each contender gets the same ones."""
            pictures = cycle(batches)
            return lambda: call(next(pictures))

        fed_calls = {name: fed(call) for name, call in calls.items()}
        times_ms = interleaved_ms(
            fed_calls, self._wait, rounds=MIN_CALLS, seconds=seconds, warm_up=WARM_UP_CALLS
        )
        ms = {name: float(np.median(each)) / self._batch for name, each in times_ms.items()}
        reset_peak_memory(model.device)
        calls["call"](batches[0])
        result |= {
            "in_turn_ms": {name: round(each, 3) for name, each in ms.items()},
            "times_transformers_call": round(ms["call"] / ms["ours"], 3),
            "times_transformers_prepared": round(ms["prepared"] / ms["ours"], 3),
            "transformers_peak_memory_mb": round(memory_mb(model.device)),
            **compare_with_transformers(
                model, self._theirs, texts, batches[0][0], THRESHOLD, objects
            ),
        }
        return result

    def track(self, seconds: float) -> dict[str, Any]:
        """Track objects over consecutive pictures."""
        from tests.benchmarks.device_measuring import interleaved_ms, memory_mb, reset_peak_memory
        from tests.benchmarks.sam3_reference import ReferenceTracker, tensors_mb

        model = self._model
        reset_peak_memory(model.device)
        ours = _EngineSegmenter(model, "track", self._texts, self._objects)
        result = self._measure_stream(ours, seconds)
        result["peak_memory_mb"] = round(memory_mb(model.device))
        ours.segmenter.reset()
        model.video.max_num_objects = self._objects  # equal to ours
        sides: dict[str, Call] = {"ours": ours}
        if self._exact:
            sides["float32"] = _EngineSegmenter(self._exact, "track", self._texts, self._objects)
        for name, its_model in (
            ("transformers", self._theirs),
            ("transformers_float32", self._exact),
        ):
            # which transformers does not have
            if its_model and not its_model.spec.model.endswith("3.1"):
                its_model.video.max_num_objects = self._objects
                step = ReferenceTracker(its_model, self._texts).step
                sides[name] = partial(lambda step, batch: step(batch[0]), step)
        times_ms: dict[str, list[float]] = {name: [] for name in sides}
        grown_mb: dict[str, list[float]] = {name: [] for name in sides}
        with closing(LoopedClip(self._clip, 1)) as video:
            pictures, end_s = video.batches(), time.perf_counter() + 2.0 * seconds
            while time.perf_counter() < end_s or len(times_ms["ours"]) < MIN_FOLLOWED:
                block = list(islice(pictures, BLOCK_PICTURES))
                for name, call in sides.items():
                    before_mb = tensors_mb(model.device)
                    for picture in block:
                        times_ms[name] += interleaved_ms(
                            {"": partial(call, picture)}, self._wait, rounds=1
                        )[""]
                    grown_mb[name].append((tensors_mb(model.device) - before_mb) / BLOCK_PICTURES)
        result["by_objects"] = self._by_objects(ours, seconds)
        count = len(times_ms["ours"])
        last = min(LAST_PICTURES, count // 2)
        fps = {name: 1000.0 / float(np.mean(each[-last:])) for name, each in times_ms.items()}
        settled = (
            len(grown_mb["ours"]) + 1
        ) // 2  # before that the memory banks fill: 16 pictures per object
        return result | {
            "followed": count,
            "last": last,
            "fps_of_the_last": {name: round(each, 2) for name, each in fps.items()},
            **{
                f"times_{name}": round(fps["ours"] / each, 3)
                for name, each in fps.items()
                if name != "ours"
            },
            "grown_mb_a_picture": {
                name: round(float(np.mean(each[settled:])), 3) for name, each in grown_mb.items()
            },
        }

    def _by_objects(self, ours: _EngineSegmenter, seconds: float) -> dict[str, Any]:
        """The cost of one object to the tracker, and of all in one batch, in the same run. ms: of
        its part of a picture; times_one: the ratio; times_one_by_one: how much longer a pass for
        each object would take."""
        from tests.benchmarks.gflop import sam3_tracker_gflop

        ms: dict[int, float] = {}
        for count in sorted({1, min(16, self._objects), self._objects}):
            ours.segmenter.max_objects = count
            ours.segmenter.reset()
            times_ms: list[float] = []
            with closing(LoopedClip(self._clip, 1)) as video:
                for batch in islice(video.batches(), WARM_UP_PICTURES):
                    ours(batch)
                end_s = time.perf_counter() + seconds / 2.0
                for batch in video.batches():
                    ours(batch)
                    times_ms.append(ours.segmenter.clock.read_ms()["tracker"])
                    if len(times_ms) >= MIN_CALLS and time.perf_counter() >= end_s:
                        break
            ms[count] = float(np.median(times_ms))
        most, spec = max(ms), self._model.spec
        name = spec.model.removeprefix("random:")
        work = {} if name.endswith("3.1") else sam3_tracker_gflop(name, spec.resolution)
        return {
            "ms": {str(count): round(each, 3) for count, each in ms.items()},
            "times_one": round(ms[most] / ms[1], 2),
            "times_one_by_one": round(most * ms[1] / ms[most], 2),
            "gflop": {part: round(amount, 2) for part, amount in work.items()},
        }

    def _measure_stream(self, ours: _EngineSegmenter, seconds: float) -> dict[str, Any]:
        """The whole pipeline, from a video decoded on another thread: rate, time per picture, and
        time per stage. As in `multiverse segment`, a card has the next pictures while the host
        tidies up; the host's stages are hidden."""
        times_ms: list[float] = []
        stages_ms = {READ: 0.0}
        found = 0
        ahead = 1 if ours.segmenter.mode == "image" and self._model.device.type == "cuda" else 0
        flights: deque[tuple[StageClock, Callable[[], list[Segmentation]]]] = deque()
        with closing(LoopedClip(self._clip, self._batch)) as video:
            batches = video.batches()
            for batch in islice(batches, WARM_UP_CALLS):
                ours(batch)
            waited_s, wrote_s, tidied_s = video.wait_s, ours.write_s, ours.segmenter.tidy_s
            began_s = last_s = time.perf_counter()
            while last_s < began_s + seconds or len(times_ms) < MIN_CALLS:
                while len(flights) <= ahead:
                    finish = ours.launch(next(batches))
                    flights.append((ours.segmenter.clock, finish))
                clock, finish = flights.popleft()
                found += sum(len(each.objects) for each in finish())
                for stage_name, ms in clock.read_ms().items():
                    stages_ms[stage_name] = stages_ms.get(stage_name, 0.0) + ms
                now_s = time.perf_counter()
                times_ms.append((now_s - last_s) * 1000.0 / self._batch)
                last_s = now_s
            stages_ms[READ] = (video.wait_s - waited_s) * 1000.0
            stages_ms[TIDY] = (ours.segmenter.tidy_s - tidied_s) * 1000.0
            stages_ms[WRITE] = (ours.write_s - wrote_s) * 1000.0
            for _, finish in flights:
                finish()
        pictures, total_ms = len(times_ms) * self._batch, (last_s - began_s) * 1000.0
        return {
            "pictures": pictures,
            "batch": self._batch,
            "objects": round(found / pictures, 2),
            "fps": round(1000.0 * pictures / total_ms, 2),
            "ms": round(total_ms / pictures, 3),
            **percentiles(times_ms, ms_p50=50, ms_p99=99),
            "stages": stage_times(stages_ms, total_ms, pictures),
        }
