"""Lays out scenes from options and a seed. START HERE: `describe_recipe_2` in build.py, the order
of steps.

options.py    all options of recipe 2, from the parts below
settling.py   numbers of the site that options or chance decide, and how much fits on it;
              terrain.py: its ground
cameras.py    height, direction, ground sample, window; sight.py: what they show
sky.py        sun by place and date, clouds
ground_cover.py  gravel, sand, snow, ...
field.py      lines of piles over all that the cameras see; field_plan.py plans rows, blocks and
              roads and builds them
piles.py      the piles on them: pile_blocks.py sizes of each kind, and what a block shares
clutter.py    machines, bags, and what a detector confuses with piles: habits.py says how often and
              where each is, placer.py finds free places, hiding.py hides parts of piles; assets.py:
              the user's own models
marks.py      tracks, footpaths, lime
recipe_1.py   recipe 1, with its own piles and distractors; rows_and_clusters.py is its layout, also
              that of recipe 2 if rows or clusters are given
"""
