"""Measurements of this machine, in ratios within one run: `multiverse bench render`, `osc` and `ipc`."""
