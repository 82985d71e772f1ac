"""Synthetic pictures of a construction site, with labels.

job.py       all settings of a run; options.py: those of scenes that both recipes have
scene/       what a picture shows, as values; frozen.py: as JSON
layout/      generates scenes, a pure function of options and seed, in both recipes; assets/: the
             user's own models
geometry/    a scene as meshes; raster/ and cycles/: two engines that draw it
light.py     sun, sky and exposure, the same for both engines
sensor/      recipe 2: effects of lens, sensor and file on the drawn picture
labels/      what can be seen: label formats (writers/) and figures
picture.py   one picture from task to files; running/: many pictures, one process each, here or on a
             Ray cluster
card/        a dataset's README with plots; checking/: finds what is wrong with a dataset, and shows
             it

    from engine.dataset import DatasetJob, RenderSettings, make_dataset
    job = DatasetJob(output=Path("out"), drawing=RenderSettings(engine="raster"), count=20, seed=7)
    print(make_dataset(job).made)
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.dataset.job import DatasetJob
    from engine.dataset.options import SceneOptions
    from engine.dataset.running.report import DatasetProgress, DatasetReport
    from engine.dataset.running.run import check_job, make_dataset
    from engine.dataset.task import RenderSettings

_HOMES = {
    "job": ("DatasetJob",),
    "options": ("SceneOptions",),
    "running.report": ("DatasetProgress", "DatasetReport"),
    "running.run": ("check_job", "make_dataset"),
    "task": ("RenderSettings",),
}
__getattr__ = lazy_names(__name__, _HOMES)
