"""Finds and follows what is named in words through a video, a picture or a folder of pictures. START HERE.

    job.py          what is asked for, checked before anything is loaded
    run.py          the job done: `segment_file(job)`, or its three parts
    pipeline.py     three threads around one model; system/bounded_queue.py between two of them
    results.py      the writer's side: masks painted once for all outputs
    outputs.py      what can be written, by its name; overlay_video.py, mask_pictures.py, coco.py
    report.py       what a run tells of itself; times.py: where its time went; advice.py: what would make it quicker

What can be read, a video, a picture, a folder, and in which groups the model gets it: engine/sources/pictures.py,
batches.py.

Three threads, so that reading and writing hide behind the model: one decodes, the caller's infers, one paints and
encodes. Between them wait a few pictures, never more than the `BoundedQueue` allows; their order is the file's.

    from engine.jobs.segment import SegmentJob, segment_file
    job = SegmentJob(source=Path("in.mp4"), outputs=("out.mp4",), prompts=("person",), model="facebook/sam3")
    print(segment_file(job).fps)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.jobs.segment.job import SegmentJob
    from engine.jobs.segment.report import SegmentProgress, SegmentReport
    from engine.jobs.segment.run import segment_file

_HOME = {"SegmentJob": "job", "SegmentProgress": "report", "SegmentReport": "report", "segment_file": "run"}
__all__ = ["SegmentJob", "SegmentProgress", "SegmentReport", "segment_file"]


def __getattr__(name: str) -> Any:
    """Import on first use: the command line reads the job's options without opening a library for media."""
    if name not in _HOME:
        raise AttributeError(f"module 'engine.jobs.segment' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"engine.jobs.segment.{_HOME[name]}"), name)
