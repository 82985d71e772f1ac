"""Scenes that are given instead of drawn."""

import hashlib
from dataclasses import dataclass, fields
from typing import Any

from engine.errors import UsageError
from engine.jobs.dataset.frozen_file import FrozenFile, parse_frozen
from engine.jobs.dataset.options import option_name
from engine.jobs.kit.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenOptions:
    scene: tuple[tuple[FrozenFile, ...], ...] = option(
        (),
        "Draw these scenes again, of scenes/*.json, as they are or edited by hand; picture i is of file i. A folder "
        "stands for its .json files; may be repeated.",
        metavar="FILE[,FILE...]",
        parse=parse_frozen,
    )

    @property
    def files(self) -> tuple[FrozenFile, ...]:
        return tuple(file for part in self.scene for file in part)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of every picture."""
        return self.files[0].size_px

    @property
    def key(self) -> str:
        """Hash of all scenes: where their files lie is of no importance."""
        return hashlib.sha256("".join(file.sha256 for file in self.files).encode("ascii")).hexdigest()

    def check(self) -> None:
        """Raise UsageError for pictures of several sizes."""
        for file in self.files:
            if file.size_px != self.size_px:
                sizes = ["{}x{}".format(*size) for size in (file.size_px, self.size_px)]
                raise UsageError(
                    f"--scene {file.path}: its picture is {sizes[0]} px, that of {self.files[0].path} {sizes[1]}; "
                    "draw them in two runs"
                )

    def check_seed(self, seed: int) -> None:
        """Raise UsageError for a --seed that no scene would use: each holds that of its camera effects."""
        if seed and all(file.site for file in self.files):
            raise UsageError(
                f'--seed {seed}: has no effect with --scene; leave it out, or write "effects_seed": [] into the scenes '
                "for other camera effects"
            )

    def check_split(self) -> None:
        """Raise UsageError for two views of one scene, which a split might put into two subsets."""
        known: dict[tuple[int, ...], FrozenFile] = {}
        for file in self.files:
            if file.site and file.site in known:
                raise UsageError(
                    f"--split: {known[file.site]} and {file} of --scene are views of one scene, and might be trained "
                    "on and validated with; name one of them, or leave --split out"
                )
            known[file.site] = file

    def check_alone(self, *others: Any) -> None:
        """Raise UsageError for options of scenes in these dataclasses, which would have no effect."""
        for part in others if self.scene else ():
            for each in fields(part):
                if getattr(part, each.name) != each.default:
                    raise UsageError(
                        f"{option_name(each.name)}: has no effect with --scene, which holds everything but the "
                        "camera's effects and the labels; leave it out, or edit the scene"
                    )
