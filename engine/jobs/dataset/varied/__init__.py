"""Recipe 2: scenes that vary in ground, piles, clutter, camera, light and sensor. START HERE: `describe_varied`.

options.py    all options, from the parts below; span.py: ranges such as 40..160
build.py      the order of steps
cameras.py    height, direction, ground sample, window; extent.py: the ground that all views of a scene show
sky.py        sun by place and date, clouds
grounds.py    gravel, sand, snow, ...
field.py      lines of piles over the whole extent; piles.py: the piles on them
shown.py      what one view can show of all this
clutter.py    machines, bags, and what a detector confuses with piles
"""

from engine.jobs.dataset.varied.build import describe_varied
from engine.jobs.dataset.varied.options import VariedOptions

__all__ = ["VariedOptions", "describe_varied"]
