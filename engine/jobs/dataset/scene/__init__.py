"""The contents of a picture of a construction site, as plain values: pure functions of options and seed.

Read `description.py` first (the data classes), then `build.py` (the order of steps). `settling.py` chooses every
number and `site.py` computes how much fits; `terrain.py` makes the ground; `rows.py` or `clusters.py` lay out lines of
piles, `tables.py` cuts them where the ground is too uneven, `piles.py` places the piles; `distractors.py` and
`marks.py` add machines, debris, tracks and lime. All random numbers come from `streams.py`.
"""

from engine.jobs.dataset.scene.build import describe_scene
from engine.jobs.dataset.scene.settling import Settled, settle
from engine.jobs.dataset.scene.streams import stream

__all__ = ["Settled", "describe_scene", "settle", "stream"]
