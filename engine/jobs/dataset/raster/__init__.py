"""A stage drawn by OpenGL, in tiles that any GPU takes. START HERE: `render(stage)`, `bake_ground(stage, side_px)`.

picture.py    render(): tile by tile; tiles.py: which; targets.py: into what
drawing.py    the passes of a tile, in order
ground.py     the terrain's mesh in chunks; things.py: all batches; marks.py: tracks, lime, shade at the foot of things
shadow.py     two maps along the sun's rays
view.py       the numbers that every shader reads
plan.py       bake_ground(): the ground from straight above, unlit
device.py     the context, and what is made in it
"""

from engine.jobs.dataset.raster.picture import render
from engine.jobs.dataset.raster.plan import bake_ground

__all__ = ["bake_ground", "render"]
