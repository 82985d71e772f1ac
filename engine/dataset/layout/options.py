"""All options of recipe 2, by the part of the scene that they concern."""

import hashlib
from dataclasses import dataclass, field, fields
from typing import Any

from engine.dataset.frozen import FrozenFile, parse_frozen
from engine.dataset.layout.assets import AssetOptions
from engine.dataset.layout.cameras import ALTITUDE_M, CameraOptions
from engine.dataset.layout.clutter import ClutterOptions
from engine.dataset.layout.field import FieldOptions
from engine.dataset.layout.ground_cover import GroundOptions
from engine.dataset.layout.piles import PileOptions
from engine.dataset.layout.sky import SkyOptions
from engine.dataset.options import option_name
from engine.dataset.sensor.effects import SensorOptions
from engine.errors import UsageError
from engine.jobs.kit import option


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFileOptions:
    scene: tuple[tuple[FrozenFile, ...], ...] = option(
        (),
        "Draw these scenes again, of scenes/*.json, as they are or edited by hand; picture i is "
        "of file i. A folder "
        "stands for its .json files; may be repeated.",
        metavar="FILE[,FILE...]",
        parse=parse_frozen,
    )

    @property
    def files(self) -> tuple[FrozenFile, ...]:
        return tuple(file for part in self.scene for file in part)

    @property
    def size_px(self) -> tuple[int, int]:
        return self.files[0].size_px

    @property
    def key(self) -> str:
        """Hash of all scenes: where their files lie is of no importance."""
        return hashlib.sha256(
            "".join(file.sha256 for file in self.files).encode("ascii")
        ).hexdigest()

    def check(self) -> None:
        """Raise UsageError for pictures of several sizes."""
        for file in self.files:
            if file.size_px != self.size_px:
                sizes = ["{}x{}".format(*size) for size in (file.size_px, self.size_px)]
                raise UsageError(
                    f"--scene {file.path}: its picture is {sizes[0]} px, that of "
                    f"{self.files[0].path} {sizes[1]}; "
                    "draw them in two runs"
                )

    def check_seed(self, seed: int) -> None:
        """Raise UsageError for a --seed that no scene would use: each holds that of its camera
        effects."""
        if seed and all(file.site for file in self.files):
            raise UsageError(
                f"--seed {seed}: has no effect with --scene; leave it out, or write "
                '"effects_seed": [] into the scenes '
                "for other camera effects"
            )

    def check_split(self) -> None:
        """Raise UsageError for two views of one scene, which a split might put into two subsets."""
        known_views: dict[tuple[int, ...], FrozenFile] = {}
        for file in self.files:
            if file.site and file.site in known_views:
                raise UsageError(
                    f"--split: {known_views[file.site]} and {file} of --scene are views of one "
                    "scene, and might be "
                    "trained on and validated with; name one of them, or leave --split out"
                )
            known_views[file.site] = file

    def check_alone(self, *others: Any) -> None:
        """Raise UsageError for options of scenes in these dataclasses, which would have no
        effect."""
        for part in others if self.scene else ():
            for each in fields(part):
                if getattr(part, each.name) != each.default:
                    raise UsageError(
                        f"{option_name(each.name)}: has no effect with --scene, which holds "
                        "everything but the "
                        "camera's effects and the labels; leave it out, or edit the scene"
                    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe2Options:
    """All options of recipe 2, by group. A task of recipe 1 has None instead."""

    camera: CameraOptions = field(default_factory=CameraOptions)
    sky: SkyOptions = field(default_factory=SkyOptions)
    ground: GroundOptions = field(default_factory=GroundOptions)
    layout: FieldOptions = field(default_factory=FieldOptions)
    piles: PileOptions = field(default_factory=PileOptions)
    clutter: ClutterOptions = field(default_factory=ClutterOptions)
    assets: AssetOptions = field(default_factory=AssetOptions)
    scene_files: SceneFileOptions = field(default_factory=SceneFileOptions)
    sensor: SensorOptions = field(default_factory=SensorOptions)

    def check(self) -> None:
        """Raise UsageError for the first option that is out of its range."""
        of_scenes = (
            self.camera,
            self.sky,
            self.ground,
            self.layout,
            self.piles,
            self.clutter,
            self.assets,
        )
        for part in (*of_scenes, self.scene_files, self.sensor):
            part.check()
        self.scene_files.check_alone(*of_scenes)
        self.assets.check_beside(self.layout.empty_share)
        if self.camera.gsd is None:  # which may set the height; then that of each camera is checked
            self.assets.check_under((self.camera.altitude or ALTITUDE_M)[0])

    @property
    def own_classes(self) -> tuple[str, ...]:
        file_classes = (name for file in self.scene_files.files for name in file.classes)
        return tuple(
            dict.fromkeys((*(asset.category for asset in self.assets.assets), *file_classes))
        )
