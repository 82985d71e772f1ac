"""Computes region maps on a thread: takes pictures as they arrive, returns the newest finished
map."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.render.newest_thread import NewestThread
from engine.render.picture import RegionMap
from engine.system.guarded_thread import Guard
from engine.system.reporting import Report
from engine.values import Segmentation, VideoFrame
from osc_schema.region import LAYERS, prompt_address

if TYPE_CHECKING:
    from engine.render.region_maps import ObjectRegions

log = logging.getLogger(__name__)

PICTURE_MODES = ("brightness", "colour", "quadrant", "edges")
"""Modes that map a picture; the other one maps found objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionSettings:
    is_enabled: bool
    mode: str
    is_equalised: bool
    hue_offset: float
    sat_min: float
    is_mirrored: bool
    """True if the picture is shown mirrored left to right; its map is too."""
    background: int
    """Region of the background, 0..3."""
    prompts: tuple[int, ...] = (0, 0, 0, 0)
    """Number of the prompt whose objects are each region; 0: one object, by rank."""

    @property
    def is_of_objects(self) -> bool:
        """True if the map is made from found objects, not from a picture."""
        return self.mode not in PICTURE_MODES

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "RegionSettings":
        """The settings at these parameter values, address -> value."""
        return cls(
            is_enabled=values["/region/enable"],
            mode=values["/region/mode"],
            is_equalised=values["/region/equalise"],
            hue_offset=values["/region/hue_offset"],
            sat_min=values["/region/sat_min"],
            is_mirrored=values["/layer/5/mirror"],
            background=values["/region/background"],
            prompts=tuple(values[prompt_address(n)] for n in LAYERS),
        )


class RegionMapper:
    """A thread that maps the newest picture; older ones are dropped."""

    def __init__(self, report: Report) -> None:
        guard = Guard(log, report, "region", "region map failed, the last one stays")
        self._last_request: tuple[VideoFrame | Segmentation | None, RegionSettings] | None = None
        self._latest: RegionMap | None = None
        self._edges: np.ndarray | None = None
        """The newest map of outlines; the next one continues its numbers."""
        self._objects: ObjectRegions | None = None
        """The region of each object, for the next result."""
        self._thread = NewestThread("regions", self._map_newest, guard)

    def submit(
        self,
        frame: VideoFrame | None,
        settings: RegionSettings,
        segmentation: Segmentation | None = None,
    ) -> None:
        """Request a map of this picture, or in the objects mode of the segmentation. Returns at
        once.

        An unchanged picture or result with unchanged settings is mapped once."""
        source = segmentation if settings.is_of_objects else frame
        if (
            self._last_request is not None
            and self._last_request[0] is source
            and self._last_request[1] == settings
        ):
            return
        self._last_request = source, settings
        self._thread.submit(self._last_request)

    def latest(self) -> RegionMap | None:
        """The newest finished map; None before the first one, and while there is no picture."""
        return self._latest

    def compute(
        self,
        frame: VideoFrame | None,
        settings: RegionSettings,
        segmentation: Segmentation | None = None,
    ) -> RegionMap | None:
        """Compute the map of this picture on the calling thread (offline). None without a picture,
        except by quadrant.

        In the objects mode the map of the segmentation, or by quadrant if that is None. Use one
        thread: outlines keep their numbers from the previous picture, objects from the previous
        result."""
        return self._map(segmentation if settings.is_of_objects else frame, settings)

    def _map(
        self, source: VideoFrame | Segmentation | None, settings: RegionSettings
    ) -> RegionMap | None:
        # OpenCV costs 0.1 s to import, and most shows have no regions
        from engine.render import region_maps

        if settings.mode == "quadrant" or (settings.is_of_objects and source is None):
            return RegionMap(indices=region_maps.quadrant_regions())
        if source is None:
            return None
        if isinstance(source, Segmentation):
            self._objects = self._objects or region_maps.ObjectRegions()
            return _to_map(
                self._objects.compute(source, settings.background, settings.prompts), settings
            )
        pixels = region_maps.reduce_picture(source.pixels)
        if settings.mode == "brightness":
            indices = region_maps.brightness_regions(pixels, is_equalised=settings.is_equalised)
        elif settings.mode == "edges":
            self._edges = region_maps.edge_regions(pixels, self._edges)
            if self._edges is None:  # no outlines: a plain wall, darkness
                return RegionMap(indices=region_maps.quadrant_regions())
            indices = self._edges
        else:
            indices = region_maps.colour_regions(
                pixels,
                hue_offset=settings.hue_offset,
                sat_min=settings.sat_min,
                is_equalised=settings.is_equalised,
            )
        return _to_map(indices, settings)

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._thread.close()

    def _map_newest(self, request: tuple[VideoFrame | Segmentation | None, RegionSettings]) -> None:
        self._latest = self._map(*request)


def _to_map(indices: np.ndarray, settings: RegionSettings) -> RegionMap:
    """Create the map, mirrored like the picture."""
    return RegionMap(
        indices=np.ascontiguousarray(indices[:, ::-1]) if settings.is_mirrored else indices
    )
