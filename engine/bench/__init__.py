"""Measurements of this machine, in ratios within one run: `multiverse bench render` and `multiverse bench osc`."""
