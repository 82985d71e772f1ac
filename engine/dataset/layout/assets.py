"""The user's own models in a scene: how many of each, and where they stand."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import numpy as np

from engine.dataset.assets.naming import ChosenAsset, parse_asset
from engine.dataset.layout.habits import Habit
from engine.dataset.layout.placer import APART_M, PiledSite, Placer
from engine.dataset.scene.description import Asset, PlacedAsset
from engine.dataset.scene.streams import stream
from engine.dataset.scene.things import PILE_CATEGORY
from engine.errors import UsageError
from engine.jobs.kit import option

USUAL = (1, 6)
FROM_PILE_M = 0.6
CELL_M = (0.5, 4.0)  # smallest and largest side of the cells that cover a footprint
MAX_SLOPE = 0.25
MAX_UPRIGHT_SLOPE = 0.4
ALONG_FRACTION = 0.6  # share that stands along the site's rows, or across them
OFF_M = 0.7  # distance from a position to the next point for which free ground is known, about
EDGE_FRACTION = 0.04  # how far beyond a view's edges a thing may stand, as a share of its sides
TRIES = 250
MAX_HEIGHT_FRACTION = 0.6  # share of the camera's height: higher things would reach up to it

Disc = tuple[np.ndarray, float]  # middles, (k, 2), and one radius


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetOptions:
    asset: tuple[ChosenAsset, ...] = option(
        (),
        "A model of your own to scatter, labelled if --classes names its class: .glb .gltf .obj "
        ".ply .stl; may be "
        "repeated. Metres per unit, how many a scene has (default: 1..6, or as many as fit), its "
        "class (default: "
        "NAME), and the axis that points up.",
        metavar="NAME=FILE[,scale=F][,count=A..B][,class=NAME][,up=y|z]",
        parse=parse_asset,
    )

    def check(self) -> None:
        """Raise UsageError for two of one name."""
        names = [chosen.asset.name for chosen in self.asset]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise UsageError(
                    f"--asset {name}: is given twice; give each model a name of its own"
                )

    def check_beside(self, empty_share: float | None) -> None:
        """Raise UsageError for a pile among pictures that show none."""
        for asset in self.assets:
            if empty_share == 1 and asset.category == PILE_CATEGORY:
                raise UsageError(
                    f"--asset {asset.name}: is a pile, and no picture has piles with "
                    "--empty-share 1; leave one of "
                    "them out, or give --piles 0 for pictures with your own piles alone"
                )

    def notes_without(self, classes: Iterable[str]) -> list[str]:
        """Models that get no label, as their class is none of these."""
        known = tuple(classes)
        lacking = [asset for asset in self.assets if asset.category not in known]
        needed = ",".join(dict.fromkeys((*known, *(asset.category for asset in lacking))))
        return [
            f"--asset {asset.name}: gets no label; give --classes {needed}" for asset in lacking
        ]

    def check_under(self, camera_m: float) -> None:
        """Raise UsageError if one reaches up to a camera at this height."""
        for chosen in self.asset:
            high_m = chosen.asset.size_m[2]
            if high_m > MAX_HEIGHT_FRACTION * camera_m:
                raise UsageError(
                    f"--asset {chosen.asset.name}: is {high_m:.1f} m high, too near to a camera "
                    f"at {camera_m:g} m; "
                    f"give --altitude {high_m / MAX_HEIGHT_FRACTION:.0f} or more, or another scale="
                )

    @property
    def assets(self) -> tuple[Asset, ...]:
        return tuple(chosen.asset for chosen in self.asset)


def place_assets(
    assets: AssetOptions, site: PiledSite
) -> tuple[tuple[PlacedAsset, ...], tuple[Disc, ...]]:
    """Place the models clear of piles and of one another, the largest first, without numbers; also
    returns the ground that they occupy. UsageError if fewer fit than the lowest requested
    number."""
    if not assets.asset:
        return (), ()
    placer = Placer(site)
    found: dict[str, list[PlacedAsset]] = {}
    occupied: list[Disc] = []
    for chosen in sorted(assets.asset, key=lambda each: -max(each.asset.size_m[:2])):
        asset = chosen.asset
        draw = stream(site.seed, f"asset {asset.name}")
        low, high = chosen.count or USUAL
        target_count = low + int(float(draw.random()) * (high - low + 1))
        own = found.setdefault(asset.name, [])
        for _ in range(target_count):
            one = _stand(asset, placer, site, draw)
            if one is None:
                break
            discs = footprint(asset, one)
            placer.take(*discs)
            occupied.append(discs)
            own.append(one)
        if chosen.count is not None and len(own) < low:
            raise UsageError(
                f"--asset {asset.name}: {len(own)} of at least {low} fit between the piles of "
                "this site; "
                "give a lower count=, or leave it out for as many as fit"
            )
    return tuple(one for asset in assets.assets for one in found[asset.name]), tuple(occupied)


def footprint(asset: Asset, one: PlacedAsset) -> Disc:
    """Discs that cover its rectangle on the ground."""
    along_m, across_m, _ = (side * one.scale for side in asset.size_m)
    cell_m = float(np.clip(min(along_m, across_m), *CELL_M))
    columns, rows = (max(int(np.ceil(side / cell_m)), 1) for side in (along_m, across_m))
    own = np.stack(
        np.meshgrid(
            ((np.arange(columns) + 0.5) / columns - 0.5) * along_m,
            ((np.arange(rows) + 0.5) / rows - 0.5) * across_m,
        ),
        axis=-1,
    ).reshape(-1, 2)
    cos, sin = np.cos(one.turn), np.sin(one.turn)
    turned = own @ np.array([[cos, sin], [-sin, cos]])
    return turned + np.array([one.x_m, one.y_m]), float(
        np.hypot(along_m / columns, across_m / rows)
    ) / 2


def _stand(
    asset: Asset, placer: Placer, site: PiledSite, draw: np.random.Generator
) -> PlacedAsset | None:
    """A free and level position in a view or at its edge, as there are no piles beyond; None if no
    try finds one."""
    along_m, across_m, high_m = asset.size_m
    is_upright = asset.category == PILE_CATEGORY or high_m > 2 * max(along_m, across_m)
    habit = Habit(
        footprint_m=1.0,
        max_slope=MAX_UPRIGHT_SLOPE if is_upright else MAX_SLOPE,
        is_upright=is_upright,
    )
    heading = site.heading or 0.0
    views = site.views_m
    reach_m = 0.5 * float(np.hypot(along_m, across_m))
    for across, down, which, kind, angle, shade in draw.random((TRIES, 6)).tolist():
        quarter = int(angle * 4) * np.pi / 2
        turn = (
            heading + quarter + 0.1 * (kind / ALONG_FRACTION - 0.5)
            if kind < ALONG_FRACTION
            else angle * 2 * np.pi
        )
        x_m, y_m = _position_in_view(views[int(which * len(views))], across, down)
        one = PlacedAsset(
            asset=asset.name, x_m=x_m, y_m=y_m, ground_m=0.0, turn=turn, shade=0.9 + 0.2 * shade
        )
        points, radius_m = footprint(asset, one)
        if not placer.is_clear(points, radius_m + FROM_PILE_M, radius_m + APART_M + OFF_M):
            continue
        seat = placer.seat(x_m, y_m, reach_m, habit)
        if seat is not None:
            return replace(one, **asdict(seat))
    return None


def _position_in_view(corners_m: np.ndarray, across: float, down: float) -> tuple[float, float]:
    """A position in the view with these corners, clockwise from the top left, by fractions of its
    sides."""
    u, v = (fraction * (1 + 2 * EDGE_FRACTION) - EDGE_FRACTION for fraction in (across, down))
    top_left, top_right, low_right, low_left = corners_m
    position = (1 - v) * ((1 - u) * top_left + u * top_right) + v * (
        (1 - u) * low_left + u * low_right
    )
    return float(position[0]), float(position[1])
