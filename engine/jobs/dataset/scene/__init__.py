"""What a picture of a construction site shows, as plain values; pure functions of options and seed.

Read `description.py` first (what a scene is), then `build.py` (how one comes about). `settling.py` settles every
number and `site.py` says how much fits; `terrain.py` makes the ground; `rows.py` or `clusters.py` lay out lines of
piles, `tables.py` cuts those where the ground demands it, `piles.py` plants them; `distractors.py` and `marks.py` add
the rest. All chance comes from `streams.py`.
"""

from engine.jobs.dataset.scene.build import describe_scene
from engine.jobs.dataset.scene.settling import Settled, settle
from engine.jobs.dataset.scene.streams import stream

__all__ = ["Settled", "describe_scene", "settle", "stream"]
