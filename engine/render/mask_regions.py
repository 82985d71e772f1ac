"""Region maps from found objects: each of the four best leads one layer, the background another."""

import numpy as np

from engine.render.object_map import objects_seen
from engine.render.region_maps import MAX_PX, REGIONS
from engine.values import Segmentation


class ObjectRegions:
    """Assigns regions to objects; an object keeps its region while it is found in every result.

    The best object gets region 0, the next 1, 2 and 3; a new one gets the first free region. So layers do not swap when
    scores cross. Without tracking, ids are ranks, so regions follow the rank.
    """

    def __init__(self) -> None:
        self._region_of: dict[int, int] = {}

    def compute(self, found: Segmentation, *, background: int) -> np.ndarray:
        """(height, width) uint8 0..3, at most 320 wide; `background` where no object with a region is visible."""
        self._assign([each.id for each in found.objects])
        regions = [self._region_of.get(each.id, background) for each in found.objects]
        return np.array([background, *regions], np.uint8).take(objects_seen(found, MAX_PX))

    def _assign(self, ids: list[int]) -> None:
        """Assign regions to these objects, best first."""
        kept = {number: self._region_of[number] for number in ids if number in self._region_of}
        free = [region for region in range(REGIONS) if region not in kept.values()]
        newcomers = [number for number in ids if number not in kept]
        self._region_of = kept | dict(zip(newcomers, free, strict=False))
