"""Shared parts of all jobs. START HERE.

pipeline.py        three threads: read ahead, work, write
job_folder.py      the hidden working folder of an output, with a journal of the finished work
fingerprint.py     everything that decides an output; resuming.py: what --resume and --overwrite do
options.py         options of a command as metadata of the job's fields, and their checks; span.py:
                   ranges
report.py          progress of a run, and its final report
ray_cluster.py     connects to the Ray cluster that a job runs on; ray_pool.py: distributes work to
                   its machines

The names below are the interface for jobs outside of this folder, such as plug-ins, which import
them from here only.
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
    from engine.jobs.kit.ray_pool import (
        Actor,
        ActorPool,
        ActorResources,
        LoadedModel,
        WorkPiece,
        resources_for,
    )
    from engine.jobs.kit.report import JobProgress, OnProgress
    from engine.jobs.kit.span import Span, check_span, interpolate, parse_span

_HOMES = {
    "fingerprint": ("differences",),
    "options": (
        "CLUSTER",
        "CLUSTERS",
        "JSON",
        "OVERWRITE",
        "RESUME",
        "check_no_stream",
        "check_number",
        "option",
    ),
    "ray_cluster": ("require_ray",),
    "ray_pool": (
        "Actor",
        "ActorPool",
        "ActorResources",
        "LoadedModel",
        "WorkPiece",
        "resources_for",
    ),
    "report": ("JobProgress", "OnProgress"),
    "span": ("Span", "check_span", "interpolate", "parse_span"),
}
__getattr__ = lazy_names(__name__, _HOMES)
