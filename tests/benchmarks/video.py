"""Painting a video, from a clip on disk to an MP4 on disk, compared with diffusers' own pipeline
frame by frame.

Ours is `multiverse video`, `fused`: the clip is read ahead, painted in batches, encoded. Theirs is
a plain script with diffusers: each decoded picture goes as a PIL picture into the pipeline, and the
result into the encoder. Both have the same weights, sampler, steps, guidance, noise and encoder,
and alternate, so that other load affects both. On a CPU both have as many threads and cores as
`threads`. Loading and warm-up are excluded. `fps` is the rate of the whole job, with several
batches in flight; `batch_latency_ms` is the time of one batch with nothing beside it.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import psutil

from engine.jobs.kit.options import option
from engine.jobs.video.report import find_busiest
from engine.sinks.movie_file import FORMATS
from osc_schema.sd import default_of
from tests.benchmarks.clip import FPS, write_clip
from tests.benchmarks.measuring import Progress, device_facts, in_own_process
from tests.benchmarks.options import PICTURE_SIZE, SD_SHAPES, ModelBench, Size, number, read_size

if TYPE_CHECKING:
    from PIL import Image

    from engine.jobs.video.backend import StageFigures
    from engine.jobs.video.job import VideoJob
    from tests.benchmarks.device_measuring import MeasuredDevice

    Repaint = Callable[[Image.Image], Image.Image]

UNVERIFIED = (
    "gain from CUDA graphs and overlapping streams",
    "float16 overflow in the models' outputs",
    "speed at full model size, and so the original's 35.5 fps",
)
"""Not measurable on a CPU."""
PROMPT = "a forest of glass at dawn"
SEED = 7
CFG = 6.0
ROUNDS = 3
MIN_BATCHES = 3  # per turn, which includes filling and draining the pipeline
MIN_FRAMES = 8  # per turn, which includes opening and closing two files
CLIP_PICTURES = {"cpu": 120, "mps": 300, "cuda": 600}
ORIGINAL_FPS = {(8, 5, 0.2): 35.485, (8, 20, 0.2): 13.4}
"""(batch, steps, strength) -> fps of the original on an RTX 4090, with one and four real steps."""
ORIGINAL_SIZE = 360, 640

Take = Callable[[int], "Turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoBench(ModelBench):
    """Paint a video from file to file, with random weights of the real shapes; compare with
    diffusers frame by frame, on the same cores.

    Without --batch and --steps, the cases for which the original published figures are measured
    too. --threads are also the cores of each contender.
    """

    shape: tuple[str, ...] = option(
        (), "Repeatable. (default: tiny on a CPU, the first two elsewhere)", metavar=SD_SHAPES
    )
    size: Size = option(
        Size(width=360, height=640),
        PICTURE_SIZE,
        metavar="WxH",
        parse=partial(read_size, step=8, low=64),
    )
    batch: tuple[int, ...] = option(
        (), "Pictures per batch, repeatable. (default: 1 8)", metavar="COUNT", parse=number(1, 64)
    )
    steps: tuple[int, ...] = option(
        (), "Requested steps, repeatable. (default: 5 20)", metavar="COUNT", parse=number(1, 100)
    )
    strength: float = option(
        default_of("strength"), "Share of the steps that is run.", low=0.0, high=1.0
    )
    seconds: float = option(6.0, "Length of each measurement of a case.", metavar="SECONDS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    batch: int
    steps: int
    strength: float

    @property
    def name(self) -> str:
        return f"batch {self.batch}, {self.steps} steps at {self.strength:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One measurement of one contender."""

    frames: int
    seconds: float
    stage_figures: "Sequence[StageFigures]" = ()
    """Figures of each stage in this turn; only for ours."""
    run_s: float = 0.0
    """Seconds of the run alone."""

    @property
    def fps(self) -> float:
        return self.frames / self.seconds


@dataclass(slots=True, kw_only=True)
class Contender:
    take: Take
    step: int
    """Frames per batch."""
    frames: int = 0
    """Frames per turn."""
    turns: list[Turn] = field(default_factory=list)

    @property
    def fps(self) -> float:
        """Frames per second over all turns."""
        return sum(turn.frames for turn in self.turns) / sum(turn.seconds for turn in self.turns)


def run(options: VideoBench, progress: Progress) -> dict[str, Any]:
    """Figures by shape, then by case; ModelError for an unknown shape or device.

    `cores`: those of a CPU that both contenders ran on; None where the system cannot limit them.
    `tflops`: the counted work (2 x multiply-adds) per second; `matmul_tflops`: that of a large
    matrix product on this machine in one process, for comparison; it is not a limit.
    """
    return in_own_process(_measure, options, progress)


def _measure(options: VideoBench, progress: Progress) -> dict[str, Any]:
    from tests.benchmarks.device_measuring import measured_device

    target = measured_device(options.device, options.threads)
    cores = limit_cores(options.threads) if target.kind == "cpu" else None
    width, height = options.size.width, options.size.height
    facts = {"cores": cores, "picture": str(options.size), "cfg": CFG}
    result = progress.begin(device_facts(target, UNVERIFIED) | facts)
    cases = cases_for(options.batch, options.steps, options.strength)
    shapes = options.shape or (("tiny",) if target.kind == "cpu" else ("sd15", "sd-turbo"))
    with tempfile.TemporaryDirectory(
        prefix="multiverse-bench-", ignore_cleanup_errors=True
    ) as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip, width, height, CLIP_PICTURES[target.kind])
        for done, shape in enumerate(shapes):
            progress(f"{shape}: loading", done / len(shapes))
            bench = _ShapeBench(shape, target, clip, (width, height))
            result[shape] = {}
            for number, case in enumerate(cases):
                progress(f"{shape}, {case.name}", (done + number / len(cases)) / len(shapes))
                result[shape][case.name] = bench.measure(case, options.seconds)
            bench.close()
    return result


def cases_for(batches: Sequence[int], steps: Sequence[int], strength: float) -> list[Case]:
    """The cases to measure. By default they include those with published figures of the
    original."""
    cases = [
        Case(batch=b, steps=s, strength=strength)
        for s in steps or (5, 20)
        for b in batches or (1, 8)
    ]
    if not batches and not steps:
        cases += [Case(batch=b, steps=s, strength=original) for b, s, original in ORIGINAL_FPS]
    return cases


def limit_cores(count: int) -> int | None:
    """Let this process and those it will start run on `count` cores at most; returns how many, None
    on macOS."""
    process = psutil.Process()
    if not hasattr(process, "cpu_affinity"):
        return None
    process.cpu_affinity(sorted(process.cpu_affinity())[:count])
    return len(process.cpu_affinity())


class _ShapeBench:
    """One model, and diffusers' pipeline around one of the same weights."""

    def __init__(
        self, shape: str, target: "MeasuredDevice", clip: Path, size: tuple[int, int]
    ) -> None:
        from tests.benchmarks.gflop import sd_gflop
        from tests.benchmarks.sd_baseline import DiffusersBaseline

        self._shape, self._target, self._clip = shape, target, clip
        self._baseline = DiffusersBaseline(shape, target, PROMPT)
        self._size = size
        self._gflop = sd_gflop(shape, *size)

    def measure(self, case: Case, seconds: float) -> dict[str, Any]:
        """Measure ours and diffusers, alternately."""
        settings: dict[str, Any] = {"steps": case.steps, "strength": case.strength, "seed": SEED}
        paint = partial(self._repaint, **settings)
        output = self._clip.with_name("diffusers.mp4")
        with closing(_EnginePainter(self._job(case, settings))) as ours:
            own = Contender(take=ours.take, step=case.batch)
            theirs = Contender(
                take=lambda frames: frame_by_frame(self._clip, output, paint, frames), step=1
            )
            alternate([own, theirs], seconds, CLIP_PICTURES[self._target.kind])
            fused = self._figures(case, own, theirs, ours) | ours.alone(paint)
        return {
            "fused": fused,
            "diffusers": {
                "fps": round(theirs.fps, 3),
                "ms": round(1000 / theirs.fps, 2),
                "frames": theirs.frames,
            },
        }

    def _repaint(
        self, picture: "Image.Image", *, steps: int, strength: float, seed: int
    ) -> "Image.Image":
        """One picture by diffusers, with the same CPU noise each time, as ours."""
        import torch

        guidance = 1.0 if self._baseline.model.sampler == "turbo" else CFG  # turbo models have none
        settings = {"num_inference_steps": steps, "strength": strength, "guidance_scale": guidance}
        generator = torch.Generator().manual_seed(seed)
        return self._baseline.pipeline(
            PROMPT, image=picture, generator=generator, **settings
        ).images[0]

    def close(self) -> None:
        """Free the memory for the next shape."""
        self._baseline.close()

    def _job(self, case: Case, settings: dict[str, Any]) -> "VideoJob":
        from engine.jobs.video.job import VideoJob
        from engine.models.sd import ModelSpec
        from engine.models.sd.painting import Painting

        spec = ModelSpec(model=f"random:{self._shape}")
        return VideoJob(
            source=str(self._clip),
            output=str(self._clip.with_name("fused.mp4")),
            painting=Painting(spec=spec, prompt=PROMPT, cfg=CFG, **settings),
            batch=case.batch,
            device=self._target.device,
            threads=self._target.threads,
            overwrite=True,
        )

    def _figures(
        self, case: Case, own: Contender, baseline: Contender, ours: "_EnginePainter"
    ) -> dict[str, Any]:
        work = self._gflop
        # the negative prompt needs its own row
        rows = 1 if self._baseline.model.sampler == "turbo" else 2
        work_gflop = work["encode"] + rows * ours.real_steps * work["unet"] + work["decode"]
        stage_figures = {
            name: {
                "ms": round(
                    1000
                    * _median(own.turns, index, lambda time, _: time.seconds / max(time.frames, 1)),
                    3,
                ),
                "busy": round(
                    _median(
                        own.turns, index, lambda time, all_s: time.seconds / (all_s * time.workers)
                    ),
                    4,
                ),
            }
            for index, name in enumerate(time.name for time in own.turns[0].stage_figures)
        }
        slowest, slowest_busy = find_busiest(
            own.turns[0].stage_figures,
            {name: figures["busy"] for name, figures in stage_figures.items()},
        )
        result = {
            "fps": round(own.fps, 3),
            "its": round(case.steps * own.fps, 3),
            "evals": round(ours.real_steps * own.fps, 3),
            "real_steps": ours.real_steps,
            "frames": own.frames,
            "stages": stage_figures,
            "slowest": slowest,
            "slowest_busy": round(slowest_busy, 4),
            "gflop": round(work_gflop, 2),
            "tflops": round(work_gflop * own.fps / 1000, 4),
            "times_diffusers": round(own.fps / baseline.fps, 3),
        }
        original_fps = ORIGINAL_FPS.get((case.batch, case.steps, case.strength))
        is_original = (
            self._target.kind == "cuda" and self._shape == "sd15" and self._size == ORIGINAL_SIZE
        )
        if original_fps is not None and is_original:
            result["times_original"] = round(own.fps / original_fps, 2)
        if (memory_mb := ours.memory_mb()) is not None:
            result["memory_mb"] = round(memory_mb)
        return result


class _EnginePainter:
    """A job whose stages stay warm between turns."""

    def __init__(self, job: "VideoJob") -> None:
        from engine.jobs.video.run import open_backend, open_job

        self._job = job
        with closing(open_job(job)) as opened:
            self._pipeline = open_backend(job, opened)
        self.real_steps, self.memory_mb = self._pipeline.real_steps, self._pipeline.memory_mb

    def take(self, frames: int) -> Turn:
        from engine.jobs.video.run import VideoRun, open_job

        job = replace(self._job, limit=frames)
        began_s = time.perf_counter()
        opened = open_job(job)
        try:
            run = VideoRun(job, opened, self._pipeline, lambda progress: None, Event())
            run.run()
        finally:
            opened.pictures.close()
        seconds = time.perf_counter() - began_s
        return Turn(
            frames=run.painted, seconds=seconds, stage_figures=run.times(), run_s=run.seconds
        )

    def alone(self, paint: "Repaint") -> dict[str, float]:
        """Figures of one batch with nothing beside it: the ms from its pixels on the host to the
        painted ones, and the mean difference, 0..255, from the pictures that `paint` makes: only
        rounding if both agree."""
        from PIL import Image

        from engine.jobs.video.backend import video_batches
        from engine.jobs.video.run import open_job

        opened = open_job(self._job)
        try:
            (batch,) = video_batches(
                opened.pictures.read(1, self._job.batch), self._job.batch, opened.size
            )
            times_ms = []
            for _ in range(ROUNDS):
                began_s = time.perf_counter()
                (painted,) = self._pipeline.paint(iter([batch]))
                times_ms.append((time.perf_counter() - began_s) * 1000.0)
        finally:
            opened.close()
        theirs = np.stack(
            [np.asarray(paint(Image.fromarray(picture.pixels))) for picture in batch.pictures]
        )
        differs = float(np.abs(painted.pixels.astype(np.int16) - theirs).mean())
        return {
            "batch_latency_ms": round(statistics.median(times_ms), 2),
            "pictures_differ": round(differs, 3),
        }

    def close(self) -> None:
        self._pipeline.close()


def alternate(contenders: Sequence[Contender], seconds: float, max_frames: int) -> None:
    """Run the contenders in turn, each with as many frames per turn as fill its part of `seconds`.

    Before, each has two takes with several batches in flight: the first includes one-time work, the
    second shows how fast it is.
    """
    for each in contenders:
        fewest = max(MIN_BATCHES, MIN_FRAMES // each.step)
        each.take(fewest * each.step)
        target_frames = each.take(fewest * each.step).fps * seconds / ROUNDS
        each.frames = (
            min(max(round(target_frames / each.step), fewest), max_frames // each.step) * each.step
        )
    for _ in range(ROUNDS):
        for each in contenders:
            each.turns.append(each.take(each.frames))


def frame_by_frame(clip: Path, out: Path, paint: "Repaint", frames: int) -> Turn:
    """Paint the first `frames` pictures of a clip one by one into an MP4, with the same encoder as
    ours."""
    began_s = time.perf_counter()
    form, painted = FORMATS[".mp4"], 0
    with av.open(clip) as source, av.open(out, "w") as target:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = target.add_stream(form.codec, rate=round(FPS), options=form.offline)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, form.pixels
        for frame in source.decode(video):
            picture = paint(frame.to_image())  # type: ignore[no-untyped-call]  # PyAV's method has no annotations
            painted_frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # the same
            target.mux(stream.encode(painted_frame))
            painted += 1
            if painted == frames:
                break
        target.mux(stream.encode(None))
    return Turn(frames=painted, seconds=time.perf_counter() - began_s)


def _median(turns: Sequence[Turn], index: int, figure: Callable[[Any, float], float]) -> float:
    return statistics.median(figure(turn.stage_figures[index], turn.run_s) for turn in turns)
