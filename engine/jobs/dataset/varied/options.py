"""All options of recipe 2, by the part of the scene that they concern."""

from dataclasses import dataclass, field

from engine.jobs.dataset.sensor.options import SensorOptions
from engine.jobs.dataset.varied.cameras import CameraOptions
from engine.jobs.dataset.varied.clutter import ClutterOptions
from engine.jobs.dataset.varied.field import FieldOptions
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
    sensor: SensorOptions = field(default_factory=SensorOptions)

    def check(self) -> None:
        """Raise UsageError for the first option that is out of its range."""
        for part in (self.camera, self.sky, self.ground, self.layout, self.piles, self.clutter, self.sensor):
            part.check()
