"""Turns a scene into meshes and their instances, for any renderer. START HERE: `set_stage(scene)`.

staging.py      the entry point; batches.py: the result
ground.py       the terrain; ground_plan.py: the part whose colour is baked for Cycles
piles.py        foundation piles, from pile_parts.py, pile_finish.py, pile_feet.py
distractors.py  everything else on the site, assembled with kit.py: machines.py, vehicles.py, debris.py, materials.py,
                round_things.py, earthworks.py, plants.py, panels.py, fittings.py
primitives.py   closed solids of about one unit; meshes.py computes normals, placing.py the transforms
"""

from engine.jobs.dataset.geometry.staging import set_stage

__all__ = ["set_stage"]
