"""A scene turned into meshes and where they stand, for any renderer. START HERE: `set_stage(scene)`.

staging.py      all of it; batches.py: what comes out
ground.py       the terrain
piles.py        foundation piles, put together from pile_parts.py
distractors.py  all else that stands about: machines.py, put together with kit.py, and debris.py
primitives.py   closed solids of about one unit; meshes.py gives them their normals, placing.py puts them
                where they stand
"""

from engine.jobs.dataset.geometry.staging import set_stage

__all__ = ["set_stage"]
