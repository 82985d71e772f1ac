"""Region maps from found objects: each of four leads one layer, the rest of the picture another."""

import numpy as np

from engine.render.object_map import objects_seen
from engine.render.region_maps import MAX_PX, REGIONS
from engine.values import Segmentation


class ObjectRegions:
    """Gives objects their regions, and each its own for as long as it is found in every result.

    The best object gets region 0, the next 1, 2 and 3; one that comes later the first that is free. So layers do not
    swap places when scores cross. Where nothing is followed ids are ranks, and this comes to going by rank.
    """

    def __init__(self) -> None:
        self._region_of: dict[int, int] = {}

    def compute(self, found: Segmentation, *, background: int) -> np.ndarray:
        """(height, width) uint8 0..3, at most 320 wide; `background` where no object with a region is seen."""
        self._assign([each.id for each in found.objects])
        regions = [self._region_of.get(each.id, background) for each in found.objects]
        return np.array([background, *regions], np.uint8).take(objects_seen(found, MAX_PX))

    def _assign(self, ids: list[int]) -> None:
        """Regions for these objects, best first."""
        kept = {number: self._region_of[number] for number in ids if number in self._region_of}
        free = [region for region in range(REGIONS) if region not in kept.values()]
        newcomers = [number for number in ids if number not in kept]
        self._region_of = kept | dict(zip(newcomers, free, strict=False))
