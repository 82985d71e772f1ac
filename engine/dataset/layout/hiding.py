"""Things that hide a part of a pile: tables over rows, crowns and bushes, a boom, covers, boards,
bags beside them. Everything else keeps clear of piles, so these alone decide how many are partly
hidden."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engine.dataset.layout.habits import HABITS
from engine.dataset.layout.placer import Placer, Seat, stand
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.scene.things import Distractor, DistractorKind, Pile

TABLE_PILES = (1, 3)  # sections of a table in a row
TABLE_PIECE_M = 4.65
# how far a table's middle is off the row, so that its edge crosses the piles' heads
TABLE_OVER_M = (0.4, 1.05)
TABLE_HALF_M = 1.1
# half the length that a table's modules cover, by its shape: all four, or two
TABLE_COVERS_M = {0: 2.3, 4: 1.15}
# shapes that are as high as their kind gets
FULL_BAGS = (0, 3)
FULL_BUSHES = (0, 2, 3)
# point under the boom of an excavator of shape 0: in front of its middle, and to its left
BOOM_AT_M = (2.5, -0.12)
HOUSE_FREE_M = 3.1  # free distance that the house of that machine needs


class _Piles:
    """The piles of a scene, and which of them are hidden already."""

    def __init__(self, placer: Placer, piles: tuple[Pile, ...], seed: Seed) -> None:
        self.placer = placer
        self.piles = piles
        self.at_m = placer.piles_m
        self.is_hidden = np.zeros(len(piles), bool)
        inside = (
            np.abs(self.at_m).max(axis=1, initial=0) < placer.half_m
            if len(piles)
            else self.is_hidden
        )
        self.order = stream(seed, "clutter hidden piles").permutation(len(piles))
        self.order = self.order[inside[self.order]]

    def near(self, x: float, y: float, radius_m: float) -> np.ndarray:
        away = self.at_m - (x, y)
        return np.flatnonzero((away * away).sum(axis=1) < radius_m**2)

    def direction(self, pile: int) -> float | None:
        """Direction of the row in which a pile stands, radians: that in which the piles of its
        table spread most."""
        one = self.piles[pile]
        row = [
            other
            for other in self.near(one.x_m, one.y_m, 15.0).tolist()
            if self.piles[other].table == one.table
        ]
        if len(row) < 2:
            return None
        x, y = (self.at_m[row] - self.at_m[row].mean(axis=0)).T
        return 0.5 * float(np.arctan2(2 * (x * y).sum(), (x * x).sum() - (y * y).sum()))

    def beside(self, pile: int, angle: float, off_m: float) -> tuple[float, float]:
        """The point `off_m` from the pile's axis; `angle`: in full turns."""
        one = self.piles[pile]
        return one.x_m + off_m * float(np.cos(2 * np.pi * angle)), one.y_m + off_m * float(
            np.sin(2 * np.pi * angle)
        )

    def seat_at(self, x: float, y: float) -> Seat:
        level = float(self.placer.terrain.height_at(np.array(x), np.array(y)))
        return Seat(x_m=x, y_m=y, ground_m=level, slope_x=0.0, slope_y=0.0, lift_m=-0.02)


def hide_piles(
    placer: Placer, piles: tuple[Pile, ...], fraction: float, seed: Seed
) -> list[Distractor]:
    """Place things that hide parts of about this fraction of the piles in the extent."""
    site = _Piles(placer, piles, seed)
    draw = stream(seed, "clutter hiding")
    target_count = int(fraction * len(site.order) + draw.random())
    things: list[Distractor] = []
    for pile in site.order.tolist():
        if int(site.is_hidden.sum()) >= target_count:
            break
        if site.is_hidden[pile]:
            continue
        room = target_count - int(site.is_hidden.sum())
        for _ in range(3):
            hide = _WAYS[int(draw.choice(len(_WAYS), p=[weight for _, weight in _WAYS]))][0]
            found = hide(site, pile, room, draw)
            things += found
            if found:
                break
    return things


def _table(site: _Piles, pile: int, room: int, draw: np.random.Generator) -> list[Distractor]:
    """Sections of a table along the row: its edge crosses the heads of the piles."""
    at = site.at_m[pile]
    count, over, side, shape = draw.random(4).tolist()
    along_row = site.direction(pile)
    if along_row is None:
        return []
    turn = along_row + (np.pi if side < 0.5 else 0.0)
    forth = np.array([np.cos(turn), np.sin(turn)])
    aside = np.array([-forth[1], forth[0]])
    widest_m = TABLE_OVER_M[1] + 0.4 * site.piles[pile].diameter_m
    off_m = TABLE_OVER_M[0] + (widest_m - TABLE_OVER_M[0]) * over
    things: list[Distractor] = []
    hidden: list[int] = []
    for section in range(TABLE_PILES[0] + int(count * (TABLE_PILES[1] - TABLE_PILES[0] + 1))):
        middle = at + forth * section * TABLE_PIECE_M + aside * off_m
        away = site.at_m - middle
        along, across = away @ forth, away @ aside
        mounted = 4 if section == 0 and shape < 0.35 else 0
        is_within = (np.abs(along) < TABLE_COVERS_M[mounted]) & (
            np.abs(across) < TABLE_HALF_M + 0.2
        )
        under = np.flatnonzero(is_within)
        if not len(under) or len({*hidden, *under.tolist()}) > room + 1:
            break
        if not site.placer.is_clear(middle[None], 0.0, 2.4):
            break
        top_m = max(site.piles[other].top_m for other in under.tolist())
        x, y = middle.tolist()
        seat = site.seat_at(x, y)
        corners = (
            middle
            + forth * np.array([[-2.3], [2.3], [-2.3], [2.3]])
            + aside * np.array([[-1.1]] * 2 + [[1.1]] * 2)
        )
        highest_m = float(site.placer.terrain.height_at(corners[:, 0], corners[:, 1]).max())
        if not (highest_m < top_m + 0.1 and top_m - seat.ground_m < 1.4):
            break
        own = stand(
            DistractorKind.TABLE,
            seat,
            draw,
            scale=1.0,
            turn=turn,
            lift_m=top_m - seat.ground_m + 0.05,
        )
        things.append(replace(own, shape_seed=mounted))
        hidden += under.tolist()
        site.placer.take(middle[None] + forth * np.array([[-1.3], [0.0], [1.3]]), 1.3)
    site.is_hidden[hidden] = True
    return things


def _bush(site: _Piles, pile: int, room: int, draw: np.random.Generator) -> list[Distractor]:
    one = site.piles[pile]
    angle, size, near = draw.random(3).tolist()
    scale = float(np.clip(one.exposed_m * 1.9 * (0.9 + 0.4 * size), 0.8, 2.6))
    off_m = max(0.3 * scale + one.diameter_m * (0.4 - 0.6 * near), 0.12)
    at = site.beside(pile, angle, off_m)
    return _stand_at(
        site, pile, room, draw, DistractorKind.BUSH, at, 0.3 * scale, scale, FULL_BUSHES
    )


def _tree(site: _Piles, pile: int, room: int, draw: np.random.Generator) -> list[Distractor]:
    angle, size, near, bare = draw.random(4).tolist()
    kind = DistractorKind.BARE_TREE if bare < 0.15 else DistractorKind.TREE
    scale = 0.6 + 0.35 * size
    at = site.beside(pile, angle, 1.3 * scale + 0.5 * site.piles[pile].diameter_m - 0.5 * near)
    return _stand_at(site, pile, room, draw, kind, at, 1.5 * scale, scale)


def _bag(site: _Piles, pile: int, room: int, draw: np.random.Generator) -> list[Distractor]:
    """A bag that leans against the pile and bulges over its edge."""
    one = site.piles[pile]
    angle, near = draw.random(2).tolist()
    if one.exposed_m > 0.8:
        return []
    at = site.beside(pile, angle, 0.34 + one.diameter_m * (0.35 - 0.4 * near))
    return _stand_at(site, pile, room, draw, DistractorKind.BAG, at, 0.4, 1.0, FULL_BAGS)


def _stand_at(
    site: _Piles,
    pile: int,
    room: int,
    draw: np.random.Generator,
    kind: DistractorKind,
    at: tuple[float, float],
    reach_m: float,
    scale: float,
    shapes: tuple[int, ...] = (),
) -> list[Distractor]:
    """A thing at this point, which hides the ground within `reach_m` of it. `shapes`: those it may
    have; (): any."""
    under = site.near(*at, reach_m + 0.5 * site.piles[pile].diameter_m)
    if len(under) > room + 1 or not site.placer.is_clear(np.array([at]), 0.0, 0.5):
        return []
    east, north = site.placer.terrain.slope_at(np.array(at[0]), np.array(at[1]), 1.5)
    if np.hypot(east, north) > 0.4:
        return []
    seat = site.seat_at(*at)
    if not HABITS[kind].is_upright:
        seat = replace(seat, slope_x=float(east), slope_y=float(north), lift_m=-0.05)
    site.is_hidden[[*under.tolist(), pile]] = True
    site.placer.take(np.array(at), HABITS[kind].footprint_m * scale)
    thing = stand(kind, seat, draw, scale=scale)
    return [replace(thing, shape_seed=shapes[thing.shape_seed % len(shapes)]) if shapes else thing]


def _cover(site: _Piles, pile: int, room: int, draw: np.random.Generator) -> list[Distractor]:
    one = site.piles[pile]
    angle, off = draw.random(2).tolist()
    at = site.beside(pile, angle, one.diameter_m * (0.3 + 0.5 * off))
    scale = float(np.clip(1.1 * one.diameter_m + 0.35, 0.6, 1.1))
    site.is_hidden[pile] = True
    site.placer.take(np.array(at), 0.8 * scale)
    lift_m = one.exposed_m + 0.06
    return [stand(DistractorKind.COVER, site.seat_at(*at), draw, scale=scale, lift_m=lift_m)]


def _boards(site: _Piles, pile: int, room: int, draw: np.random.Generator) -> list[Distractor]:
    one = site.piles[pile]
    along, across, turn = draw.random(3).tolist()
    turn *= 2 * np.pi
    # the lowest board is at -0.1
    off = np.array([0.8 * (along - 0.5), 0.09 + 0.5 * one.diameter_m * (across - 0.5)])
    x, y = (
        site.at_m[pile]
        + np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ off
    ).tolist()
    site.is_hidden[pile] = True
    site.placer.take(np.array([x, y]), 0.9)
    lift_m = one.exposed_m + 0.004
    return [
        stand(DistractorKind.BOARDS, site.seat_at(x, y), draw, scale=0.9, turn=turn, lift_m=lift_m)
    ]


def _boom(site: _Piles, pile: int, room: int, draw: np.random.Generator) -> list[Distractor]:
    """An excavator that works beside the pile, its boom over it."""
    off = float(draw.random() - 0.5) * 0.5
    for quarter in range(8):
        turn = quarter * np.pi / 4 + float(draw.random()) * 0.3
        forth = np.array([np.cos(turn), np.sin(turn)])
        aside = np.array([-forth[1], forth[0]])
        middle = site.at_m[pile] - forth * BOOM_AT_M[0] - aside * (BOOM_AT_M[1] + off)
        bucket = middle + forth * 3.9
        others = np.delete(site.at_m, pile, axis=0)
        parts = ((middle, HOUSE_FREE_M), (bucket, 1.4))
        if any(np.hypot(*(others - at).T).min(initial=np.inf) < free_m for at, free_m in parts):
            continue
        if not site.placer.is_clear(middle[None], 0.0, 4.0):
            continue
        x, y = middle.tolist()
        seat = site.placer.seat(x, y, 3.0, HABITS[DistractorKind.EXCAVATOR])
        if seat is None:
            continue
        site.is_hidden[pile] = True
        site.placer.take(middle, 5.0)
        machine = stand(DistractorKind.EXCAVATOR, seat, draw, scale=1.0, turn=float(turn))
        return [replace(machine, shape_seed=0)]
    return []


_Way = Callable[[_Piles, int, int, np.random.Generator], list[Distractor]]
_WAYS: tuple[tuple[_Way, float], ...] = (
    *((_table, 0.24), (_bush, 0.22), (_tree, 0.06), (_boom, 0.04)),
    *((_cover, 0.16), (_boards, 0.13), (_bag, 0.15)),
)  # with the share of the piles that each hides
