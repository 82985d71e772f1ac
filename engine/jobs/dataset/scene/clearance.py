"""Free places on a site: points about a metre apart, each with the free distance around it."""

import numpy as np

from engine.jobs.dataset.scene.site import Site

CELL_M = 1.0
REACH_M = 8.0
"""Upper limit of the stored distances; larger than any thing needs."""


class Clearance:
    """One random point per cell of a lattice over the site. Occupied areas are entered as discs."""

    def __init__(self, site: Site, draw: np.random.Generator) -> None:
        self._columns = max(int(site.width_m / CELL_M), 1)
        self._rows = max(int(site.depth_m / CELL_M), 1)
        shape = (self._rows * self._columns, 2)
        row, column = np.divmod(np.arange(shape[0]), self._columns)
        self._corner = np.array([-self._columns, -self._rows]) * CELL_M / 2
        self.points_m = self._corner + (np.stack([column, row], axis=1) + draw.random(shape)) * CELL_M
        """(n, 2)"""
        self.room_m = np.full(shape[0], REACH_M)
        """(n,) distance from each point to the nearest disc's edge, at most REACH_M; negative inside a disc."""

    def take(self, middles_m: np.ndarray, radius_m: float) -> None:
        """Mark discs of one radius as occupied; middles: (k, 2)."""
        steps = np.arange(-int(np.ceil((REACH_M + radius_m) / CELL_M)), int(np.ceil((REACH_M + radius_m) / CELL_M)) + 1)
        cell = np.floor((middles_m - self._corner) / CELL_M).astype(int)
        column = cell[:, 0, None, None] + steps[None, None, :]  # (k, 1, steps)
        row = cell[:, 1, None, None] + steps[None, :, None]  # (k, steps, 1)
        inside = (column >= 0) & (column < self._columns) & (row >= 0) & (row < self._rows)
        index = (row * self._columns + column)[inside]
        middle = np.broadcast_to(np.arange(len(middles_m))[:, None, None], inside.shape)[inside]
        away = self.points_m[index] - middles_m[middle]
        np.minimum.at(self.room_m, index, np.sqrt((away * away).sum(axis=1)) - radius_m)
