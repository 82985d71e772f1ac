"""A process that runs jobs; each is killed at seeded random places, resumes, and is killed again.

Each line of its input asks for a job, {"job": "video", "folder": ..., "model": ..., "kills": 2,
"seed": 7}; each line of its output tells how many runs of it were killed, or what went wrong:
{"killed": 2, "kill_points": 40} or {"error": ...}.

Each run is a fork of this process, which has imported torch once; on Windows a new process. A place
is the n-th file that the run opens, renames or removes (the audit events of Python), so that every
step on the disk can be the last one. `whole` and `out` in the folder hold the outputs to compare.
"""

import functools
import gc
import json
import multiprocessing
import os
import random
import shutil
import sys
import traceback
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.jobs.folders import contents

os.environ["OMP_NUM_THREADS"] = (
    "1"  # a fork has none of its parent's threads, and OpenMP waits for them
)
HAS_FORK = hasattr(os, "fork")
CONTEXT: Any = multiprocessing.get_context("fork" if HAS_FORK else "spawn")
KILL = 9  # SIGKILL; on Windows TerminateProcess with this exit code
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
Run = Callable[[Path, bool], None]


def video(source: Path, model: str) -> Run:
    from engine.jobs.video.fused import FusedPaintBackend
    from engine.jobs.video.job import VideoJob
    from engine.jobs.video.run import open_job, run_job
    from engine.jobs.video.writing import segmented_video
    from engine.models.sd import ModelSpec
    from engine.models.sd.painting import Painting

    segmented_video.SEGMENT_PICTURES = 2
    painting = Painting(spec=ModelSpec(model=model), prompt="glass", steps=2, cfg=1.0, seed=7)
    settings: dict[str, Any] = {"painting": painting, "batch": 2, "device": "cpu", "threads": 1}

    backend = FusedPaintBackend(
        VideoJob(source=str(source), output=str(source.with_name("frames")), **settings), (96, 64)
    )

    def run(out: Path, resume: bool) -> None:
        out.mkdir(exist_ok=True)
        for name in ("out.mp4", "frames"):
            overwrite = resume and (out / name).exists()  # finished before the other one was killed
            job = VideoJob(
                source=str(source),
                output=str(out / name),
                resume=resume,
                overwrite=overwrite,
                **settings,
            )
            run_job(job, open_job(job), copy(backend))  # a run closes its stages

    return run


def segment(source: Path, model: str, mode: str) -> Run:
    import engine.models.sam3.tracker
    import engine.render.numba_masks  # noqa: F401  once, not in each fork
    from engine.jobs.segment import backend
    from engine.jobs.segment.backend import load_segmenter
    from engine.jobs.segment.job import SegmentJob
    from engine.jobs.segment.run import open_job, run_job

    backend.CHECKPOINT_S = 0.0

    def job_of(out: Path, resume: bool) -> SegmentJob:
        outputs = tuple(str(out / name) for name in ("out.mp4", "out.json", "masks"))
        values: dict[str, Any] = {
            "prompts": ("disc",),
            "model": model,
            "mode": mode,
            "resolution": 336,
        }
        return SegmentJob(
            source=source, outputs=outputs, device="cpu", threads=1, resume=resume, **values
        )

    segmenter = load_segmenter(replace(job_of(source.parent, False), resolution=112))

    def run(out: Path, resume: bool) -> None:
        out.mkdir(exist_ok=True)
        job = job_of(out, resume)
        run_job(job, open_job(job), segmenter)

    return run


def convert(folder: Path, model: str) -> Run:
    from engine.jobs.convert.job import ConvertJob
    from engine.jobs.convert.run import open_job, run_job
    from engine.models.rvc import VoiceSettings, VoiceSpec
    from engine.models.rvc.cutting import CutLengths
    from engine.models.rvc.load import load
    from engine.models.rvc.offline import VoiceConverter
    from engine.models.rvc.optimization import OptimizationConfig
    from tests.jobs.convert.voices import spoken, write_sound

    sources = (folder / "a.wav", folder / "b.wav")
    is_first = not sources[0].exists()
    for path, length in zip(sources if is_first else (), (0.9, 0.5), strict=False):
        write_sound(path, spoken(length))
    spec = VoiceSpec(
        model=str(Path(model) / "voice.pth"), content=str(Path(model) / "content"), pitch="yin"
    )
    loaded = load(spec, "cpu", "float32")
    config = OptimizationConfig.resolve("cpu", {}, batch_size=1)
    cutting = CutLengths(pad_s=0.2, query_s=0.2, center_s=0.4, max_s=0.6)

    def run(out: Path, resume: bool) -> None:
        settings = VoiceSettings(pitch=12)
        job = ConvertJob(
            sources=sources,
            output=f"{out}/",
            spec=spec,
            settings=settings,
            device="cpu",
            resume=resume,
        )
        report = run_job(
            job, open_job(job), VoiceConverter(loaded, settings, config, cutting=cutting)
        )
        assert report.is_complete, report.files

    if is_first:
        run(folder / "first", False)  # what torch prepares once is there in each fork
    return run


@functools.cache
def run_of(request: str) -> Run:
    job = json.loads(request)
    folder, model, (name, _, mode) = Path(job["folder"]), job["model"], job["job"].partition(" ")
    if name == "convert":
        return convert(folder, model)
    from tests.jobs.segment.disc_movie import disc_picture, write_movie

    size = (96, 64, 12) if name == "video" else (320, 192, 36)
    movie = folder / "in.mp4"
    if not movie.exists():
        # Two segments and a half of `video`; each picture of `segment` is a checkpoint.
        write_movie(movie, [disc_picture(number, *size) for number in range(5)])
    return video(movie, model) if name == "video" else segment(movie, model, mode)


def counted(
    request: str, out: Path, resume: bool, kill_at: int | None, send: Callable[[int], object]
) -> None:
    """Run the job, send how many events it had; at number `kill_at` this process kills itself."""
    events = 0

    def count(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal events
        if name in EVENTS and any(str(out) in str(each) for each in arguments):
            events += 1
            if events == kill_at:
                os.kill(os.getpid(), KILL)

    sys.addaudithook(count)
    run_of(request)(out, resume)
    send(events)


def events_of(request: str, out: Path, *, resume: bool, kill_at: int | None) -> int:
    """Run the job in a process: how many events it had; 0 if it was killed."""
    if HAS_FORK:
        run_of(request)
    gc.freeze()  # each run collects garbage, and would look at every object of torch
    answers, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=counted, args=(request, out, resume, kill_at, sending.send))
    process.start()
    process.join()
    if process.exitcode == 0:
        return int(answers.recv())
    if abs(process.exitcode) != KILL:
        raise SystemExit(
            f"the run failed (exit code {process.exitcode}), resume={resume}, kill_at={kill_at}"
        )
    return 0


def main() -> None:
    for line in sys.stdin:
        try:
            result = killed(line, **json.loads(line))
        except BaseException as error:
            traceback.print_exc()
            result = {"error": str(error)}
        print(json.dumps(result), flush=True)


def killed(
    request: str, *, folder: str, kills: int, seed: int, **of_the_run: str
) -> dict[str, Any]:
    """Run the job, kill it and resume it until it was killed so often; SystemExit if the outputs
    differ."""
    rng, out, whole = random.Random(seed), Path(folder, "out"), Path(folder, "whole")
    kill_points = events_of(request, whole, resume=False, kill_at=None)
    count, resumes = 0, False
    while count < kills:
        is_done = events_of(request, out, resume=resumes, kill_at=rng.randint(1, kill_points)) > 0
        count += not is_done
        resumes = not is_done
        if is_done:
            compare(whole, out)
            shutil.rmtree(out)
    events_of(request, out, resume=resumes, kill_at=None)
    compare(whole, out)
    return {"killed": count, "kill_points": kill_points}


def compare(whole: Path, out: Path) -> None:
    """Exit with the differences between the folders, including hidden leftovers."""
    one, other = contents(whole), contents(out)
    if one != other:
        names = sorted(
            name for name in one.keys() | other.keys() if one.get(name) != other.get(name)
        )
        raise SystemExit(f"differs after a kill: {names}")


if __name__ == "__main__":
    main()
