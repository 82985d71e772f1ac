"""Stable Diffusion on videos, webcams and folders of pictures, as fast as the machine can. START
HERE.

    job.py         the job and its options, checked before anything is loaded
    run.py         runs a job on three threads (jobs/kit/pipeline.py): `paint_video(job)`, or its
                   three steps
    inputs.py      sources; batches.py: pictures at the painted size, in batches of equal length
    backend.py     the interface of the stages that paint: fused.py (this process), on_cluster.py
                   (other machines)
    writing/       outputs: a video in segments that are merged at the end, or a folder of frames
    report.py      progress and report
    live/          the same in a browser: `multiverse video --web`

Batches begin at fixed pictures of the source and always have the same number of rows; every picture
has the same noise. So a painted picture depends only on its source and the job, not on
interruptions or machines.

    from engine.models.sd import ModelSpec
    from engine.models.sd.painting import Painting
    from engine.jobs.video import VideoJob, paint_video
    painting = Painting(spec=ModelSpec(model="stabilityai/sd-turbo"), prompt="a forest of glass")
    print(paint_video(VideoJob(source="in.mp4", output="out.mp4", painting=painting,
    batch=8)).done_line)
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.jobs.video.job import VideoJob
    from engine.jobs.video.report import VideoProgress, VideoReport
    from engine.jobs.video.run import paint_video

_HOMES = {"job": ("VideoJob",), "report": ("VideoProgress", "VideoReport"), "run": ("paint_video",)}
__getattr__ = lazy_names(__name__, _HOMES)
