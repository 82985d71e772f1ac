"""All options of recipe 2, by the part of the scene that they concern."""

from dataclasses import dataclass, field

from engine.jobs.dataset.sensor.options import SensorOptions
from engine.jobs.dataset.varied.assets import AssetOptions
from engine.jobs.dataset.varied.cameras import ALTITUDE_M, CameraOptions
from engine.jobs.dataset.varied.clutter import ClutterOptions
from engine.jobs.dataset.varied.field import FieldOptions
from engine.jobs.dataset.varied.given import GivenOptions
from engine.jobs.dataset.varied.grounds import GroundOptions
from engine.jobs.dataset.varied.piles import PileOptions
from engine.jobs.dataset.varied.sky import SkyOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class VariedOptions:
    """None in a task: recipe 1."""

    camera: CameraOptions = field(default_factory=CameraOptions)
    sky: SkyOptions = field(default_factory=SkyOptions)
    ground: GroundOptions = field(default_factory=GroundOptions)
    layout: FieldOptions = field(default_factory=FieldOptions)
    piles: PileOptions = field(default_factory=PileOptions)
    clutter: ClutterOptions = field(default_factory=ClutterOptions)
    assets: AssetOptions = field(default_factory=AssetOptions)
    given: GivenOptions = field(default_factory=GivenOptions)
    sensor: SensorOptions = field(default_factory=SensorOptions)

    def check(self) -> None:
        """Raise UsageError for the first option that is out of its range."""
        of_scenes = (self.camera, self.sky, self.ground, self.layout, self.piles, self.clutter, self.assets)
        for part in (*of_scenes, self.given, self.sensor):
            part.check()
        self.given.check_alone(*of_scenes)
        self.assets.check_beside(self.layout.empty_share)
        if self.camera.gsd is None:  # which may set the height; then that of each camera is checked
            self.assets.check_under((self.camera.altitude or ALTITUDE_M)[0])

    @property
    def own_classes(self) -> tuple[str, ...]:
        """Classes of the user's own models."""
        given = (name for file in self.given.files for name in file.classes)
        return tuple(dict.fromkeys((*(asset.category for asset in self.assets.assets), *given)))
