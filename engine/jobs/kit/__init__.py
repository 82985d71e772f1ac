"""Shared by all jobs. START HERE.

pipeline.py        three threads: read ahead, work, write
job_folder.py      the hidden working folder of an output, with a journal of the finished work
fingerprint.py     everything that decides an output; resuming.py: what --resume and --overwrite do
options.py         options of a command as metadata of the job's fields; option_range.py: their checks; span.py: ranges
report.py          progress of a run, and its final report
out_of_memory.py   a one-line error when a device is out of memory
ray_cluster.py     connects to the Ray cluster that a job runs on; ray_pool.py: sends their work to its machines

The names below are for jobs outside of this folder: lodgers and plug-ins import them from here, not from the files.
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.jobs.kit.fingerprint import differences
    from engine.jobs.kit.option_range import check_no_stream, check_number
    from engine.jobs.kit.options import CLUSTER, CLUSTERS, JSON, OVERWRITE, RESUME, option
    from engine.jobs.kit.ray_cluster import require_ray
    from engine.jobs.kit.ray_pool import Actor, ActorPool, ActorShare, LoadedModel, WorkPiece, share_of
    from engine.jobs.kit.report import JobProgress, OnProgress
    from engine.jobs.kit.span import Span, between, check_span, parse_span

_HOMES = {
    "fingerprint": ("differences",),
    "option_range": ("check_no_stream", "check_number"),
    "options": ("CLUSTER", "CLUSTERS", "JSON", "OVERWRITE", "RESUME", "option"),
    "ray_cluster": ("require_ray",),
    "ray_pool": ("Actor", "ActorPool", "ActorShare", "LoadedModel", "WorkPiece", "share_of"),
    "report": ("JobProgress", "OnProgress"),
    "span": ("Span", "between", "check_span", "parse_span"),
}
__all__ = [
    "CLUSTER",
    "CLUSTERS",
    "JSON",
    "OVERWRITE",
    "RESUME",
    "Actor",
    "ActorPool",
    "ActorShare",
    "JobProgress",
    "LoadedModel",
    "OnProgress",
    "Span",
    "WorkPiece",
    "between",
    "check_no_stream",
    "check_number",
    "check_span",
    "differences",
    "option",
    "parse_span",
    "require_ray",
    "share_of",
]
__getattr__ = lazy_names(__name__, {name: home for home, names in _HOMES.items() for name in names})
