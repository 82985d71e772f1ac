"""Recipe 2: scenes that vary in ground, piles, clutter, camera, light and sensor. START HERE: `describe_varied`.

options.py    all options, from the parts below
build.py      the order of steps
cameras.py    height, direction, ground sample, window; extent.py: the ground that all views of a scene show
sky.py        sun by place and date, clouds
grounds.py    gravel, sand, snow, ...
field.py      lines of piles over the whole extent: plots.py plans them, built.py builds as many as wanted, strips.py
piles.py      the piles on them: pile_types.py sizes of each kind, pile_blocks.py what a block shares
shown.py      what one view can show of all this
clutter.py    machines, bags, and what a detector confuses with piles: habits.py says how often and where each is,
              placer.py finds free places, lines.py lays fences, occluders.py hides parts of piles
marks.py      tracks, footpaths, lime
"""

from engine.jobs.dataset.varied.build import describe_varied
from engine.jobs.dataset.varied.options import VariedOptions

__all__ = ["VariedOptions", "describe_varied"]
