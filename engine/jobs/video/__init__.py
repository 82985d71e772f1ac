"""Stable Diffusion on videos, webcams and folders of pictures, as fast as the machine can. START HERE.

    job.py         what is asked for, checked before anything is loaded
    run.py         the job done: `paint_video(job)`, or its three parts
    inputs.py      what can be read; batches.py: pictures at the painted size, in batches of one length
    pipeline.py    the run: a thread reads ahead, the caller's feeds the stages, a thread writes
    stages.py      the seam between the run and whatever paints:
                   fused.py (this process), split/ (a process a stage), cluster/ (other machines);
                   choosing.py: which of them
    writing/       what can be written: a video in segments that are joined at the end, or a folder of frames
    report.py      what a run tells of itself
    live/          the same in a browser: `multiverse video --web`

Batches begin at fixed pictures of the source and always have the same number of rows; every picture has the same noise.
So what a picture becomes depends on nothing but itself and the job: not on processes, interruptions or machines.

    from engine.models.sd import ModelSpec
    from engine.models.sd.painting import Painting
    from engine.jobs.video import VideoJob, paint_video
    painting = Painting(spec=ModelSpec(model="stabilityai/sd-turbo"), prompt="a forest of glass")
    print(paint_video(VideoJob(source="in.mp4", output="out.mp4", painting=painting, batch=8)).done_line)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.jobs.video.job import VideoJob
    from engine.jobs.video.report import VideoProgress, VideoReport
    from engine.jobs.video.run import paint_video

_HOME = {"VideoProgress": "report", "VideoJob": "job", "VideoReport": "report", "paint_video": "run"}
__all__ = ["VideoJob", "VideoProgress", "VideoReport", "paint_video"]


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: every stage process imports this package, and none of them opens a video."""
    if name not in _HOME:
        raise AttributeError(f"module 'engine.jobs.video' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"engine.jobs.video.{_HOME[name]}"), name)
