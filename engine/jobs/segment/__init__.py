"""Finds and tracks objects, described in words, in a video, a picture or a folder of pictures.
START HERE.

    job.py          the job and its options, checked before anything is loaded
    run.py          runs a job on three threads (jobs/kit/pipeline.py): `segment_file(job)`, or its
                    three steps
    backend.py      loads the model and runs it in this process; on_cluster.py: on a Ray cluster
    finished.py     stores results on the disk, for --resume
    writing.py      the writer thread; results.py: one picture, its masks drawn once for all outputs
    outputs.py      output formats; pictures.py: videos, pictures, masks; coco.py
    report.py       progress and report; times.py: time per stage, and how to make it faster

Inputs and their batches: engine/sources/pictures.py.

    from engine.jobs.segment import SegmentJob, segment_file
    job = SegmentJob(source=Path("in.mp4"), outputs=("out.mp4",), prompts=("person",),
    model="facebook/sam3") print(segment_file(job).fps)
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.jobs.segment.job import SegmentJob
    from engine.jobs.segment.report import SegmentProgress, SegmentReport
    from engine.jobs.segment.run import segment_file

_HOMES = {
    "job": ("SegmentJob",),
    "report": ("SegmentProgress", "SegmentReport"),
    "run": ("segment_file",),
}
__getattr__ = lazy_names(__name__, _HOMES)
