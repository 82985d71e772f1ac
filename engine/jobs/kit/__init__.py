"""Shared by all jobs. START HERE.

pipeline.py        three threads: read ahead, work, write
job_folder.py      the hidden working folder of an output, with a journal of the finished work
fingerprint.py     everything that decides an output; resuming.py: what --resume and --overwrite do
options.py         options of a command as metadata of the job's fields, and their checks; span.py: ranges
report.py          progress of a run, and its final report
ray_cluster.py     connects to the Ray cluster that a job runs on; ray_pool.py: sends their work to its machines

The names below are for jobs outside of this folder: lodgers and plug-ins import them from here, not from the files.
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.jobs.kit.fingerprint import differences
    from engine.jobs.kit.options import (
        CLUSTER,
        CLUSTERS,
        JSON,
        OVERWRITE,
        RESUME,
        check_no_stream,
        check_number,
        option,
    )
    from engine.jobs.kit.ray_cluster import require_ray
    from engine.jobs.kit.ray_pool import Actor, ActorPool, ActorShare, LoadedModel, WorkPiece, share_of
    from engine.jobs.kit.report import JobProgress, OnProgress
    from engine.jobs.kit.span import Span, between, check_span, parse_span

_HOMES = {
    "fingerprint": ("differences",),
    "options": ("CLUSTER", "CLUSTERS", "JSON", "OVERWRITE", "RESUME", "check_no_stream", "check_number", "option"),
    "ray_cluster": ("require_ray",),
    "ray_pool": ("Actor", "ActorPool", "ActorShare", "LoadedModel", "WorkPiece", "share_of"),
    "report": ("JobProgress", "OnProgress"),
    "span": ("Span", "between", "check_span", "parse_span"),
}
__getattr__ = lazy_names(__name__, _HOMES)
