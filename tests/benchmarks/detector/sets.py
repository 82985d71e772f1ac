"""Pictures that a detector is trained on and tried on, as options of `multiverse dataset`: the same
for everybody.

Every stress set of recipe 2 has the seed of the plain set, and with it the same sites with one
thing changed. So differences between sets come from the change. (From another height more of a site
is seen.)
"""

from dataclasses import dataclass
from pathlib import Path

from engine.errors import UsageError
from engine.jobs.kit.options import option

VIEW_PX = 640
_RASTER = "--engine raster --save-coco"
_VARIED = f"--recipe 2 --view {VIEW_PX}x{VIEW_PX} {_RASTER}"
_HELD_OUT = f"{_VARIED} --seed 9000"

PLAIN, NEGATIVES, CYCLES, RECIPE_1, OTHER_RANGES = (
    "plain",
    "negatives",
    "cycles",
    "recipe 1",
    "other ranges",
)

TRAINING: dict[str, str] = {
    "recipe 1": f"--recipe 1 {_RASTER} --seed 1000",
    "recipe 2": f"{_VARIED} --seed 1000",
}
"""Options of the training's pictures. Recipe 1 has whole pictures of 5280x3956 px only, which are
cut into views."""

SETS: dict[str, str] = {
    PLAIN: _HELD_OUT,
    "no pads": f"{_HELD_OUT} --feet none",
    "gravel": f"{_HELD_OUT} --ground gravel",
    "snow": f"{_HELD_OUT} --ground snow",
    "dark earth": f"{_HELD_OUT} --ground wet-earth",
    "overcast": f"{_HELD_OUT} --overcast 1",
    "60 m": f"{_HELD_OUT} --altitude 60",
    "160 m": f"{_HELD_OUT} --altitude 160",
    "turned 45": f"{_HELD_OUT} --yaw 45",
    "half exposure": f"{_HELD_OUT} --camera-effects mild,exposure=-1",
    "blur 2 px": f"{_HELD_OUT} --camera-effects mild,blur=2",
    "half hidden": f"{_HELD_OUT} --hidden-share 0.5",
    "camera effects": f"{_HELD_OUT} --camera-effects strong",
    OTHER_RANGES: (
        f"{_HELD_OUT} --tilt 5.5..8 --exposed 2.6..3 --latitude 57..63 --clutter 1.5"
        " --camera-effects "
        "mild,contrast=-25..-12,saturation=-40..-20,warmth=0.2..0.4,noise=0.014..0.02"
    ),
    NEGATIVES: f"{_HELD_OUT} --empty-share 1",
    CYCLES: _HELD_OUT.replace("--engine raster", "--engine cycles --preset quick"),
    RECIPE_1: f"--recipe 1 {_RASTER} --seed 9000",
}
"""Options of the pictures to be tried on. The ranges of `other ranges` begin where the training's
end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorBench:
    """Train a small detector on recipe 1 and on recipe 2 of the dataset, and try both on sets that
    differ in one thing.

    Average precision on other grounds, heights, light and camera effects, false positives without
    piles, and the same for rules of brightness and colour that learn nothing. Draws the pictures
    first: minutes, too.
    """

    work: Path = option(
        Path("detector-bench"), "Keeps the pictures; a second run uses them.", metavar="FOLDER"
    )
    steps: int = option(2000, "Training steps; the default takes 5 minutes on two cores.", low=1)
    seeds: int = option(1, "Trainings of each recipe.", low=1, high=100, metavar="COUNT")
    views: int = option(640, "Views of 640x640 px that each training has.", low=1, metavar="COUNT")
    pictures: int = option(16, "Views in each stress set.", low=1, metavar="COUNT")
    sets: str = option(
        "",
        "Stress sets to try, besides plain. (default: all)",
        metavar="NAME,NAME",
        shows_default=False,
    )
    threads: int = option(2, "CPU threads.", low=1)


def read_sets(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in SETS:
            raise UsageError(f"--sets: {name} is not one of {', '.join(SETS)}")
    return names
