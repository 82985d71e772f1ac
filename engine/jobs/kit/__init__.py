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
    from engine.jobs.kit.fingerprint import differences as differences
    from engine.jobs.kit.options import CLUSTER as CLUSTER
    from engine.jobs.kit.options import CLUSTERS as CLUSTERS
    from engine.jobs.kit.options import JSON as JSON
    from engine.jobs.kit.options import OVERWRITE as OVERWRITE
    from engine.jobs.kit.options import RESUME as RESUME
    from engine.jobs.kit.options import check_no_stream as check_no_stream
    from engine.jobs.kit.options import check_number as check_number
    from engine.jobs.kit.options import option as option
    from engine.jobs.kit.ray_cluster import require_ray as require_ray
    from engine.jobs.kit.ray_pool import Actor as Actor
    from engine.jobs.kit.ray_pool import ActorPool as ActorPool
    from engine.jobs.kit.ray_pool import ActorShare as ActorShare
    from engine.jobs.kit.ray_pool import LoadedModel as LoadedModel
    from engine.jobs.kit.ray_pool import WorkPiece as WorkPiece
    from engine.jobs.kit.ray_pool import share_of as share_of
    from engine.jobs.kit.report import JobProgress as JobProgress
    from engine.jobs.kit.report import OnProgress as OnProgress
    from engine.jobs.kit.span import Span as Span
    from engine.jobs.kit.span import between as between
    from engine.jobs.kit.span import check_span as check_span
    from engine.jobs.kit.span import parse_span as parse_span

_HOMES = {
    "fingerprint": ("differences",),
    "options": ("CLUSTER", "CLUSTERS", "JSON", "OVERWRITE", "RESUME", "check_no_stream", "check_number", "option"),
    "ray_cluster": ("require_ray",),
    "ray_pool": ("Actor", "ActorPool", "ActorShare", "LoadedModel", "WorkPiece", "share_of"),
    "report": ("JobProgress", "OnProgress"),
    "span": ("Span", "between", "check_span", "parse_span"),
}
__getattr__ = lazy_names(__name__, {name: home for home, names in _HOMES.items() for name in names})
