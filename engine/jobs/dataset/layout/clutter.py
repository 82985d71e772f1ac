"""Things of recipe 2 that are not piles: machines, bags, and everything that a detector confuses with piles.

A scene has some kinds and lacks others; their numbers differ from scene to scene. Without piles it has more of both.
"""

from collections.abc import Container
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import UsageError
from engine.jobs.dataset.layout.assets import Disc
from engine.jobs.dataset.layout.habits import (
    FENCE,
    HABITS,
    MACHINE_SHARES,
    MACHINES,
    TRENCH,
    USUAL_AREA_M2,
    WINTER_LEAVES,
    Habit,
    Where,
)
from engine.jobs.dataset.layout.hiding import hide_piles
from engine.jobs.dataset.layout.placer import Placer, require_all, scale_of, stand
from engine.jobs.dataset.layout.rows_and_clusters import SiteLayout
from engine.jobs.dataset.layout.sight import Extent
from engine.jobs.dataset.options import SceneOptions
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.things import Distractor, DistractorKind, Pile, category_of
from engine.jobs.kit.option_range import check_number
from engine.jobs.kit.options import option
from engine.jobs.kit.span import Span, between, check_span, parse_span

PIECE_M = 3.0
FENCE_SHARE = 0.3
TRENCH_SHARE = 0.3
USUAL_LINES = 2.0  # in a picture of the usual size
PIECES = (3, 28)
BEND = 0.06  # largest change of direction from piece to piece, radians
FENCE_CLEAR_M, TRENCH_CLEAR_M = 1.1, 2.0  # distance of the line from any pile's axis


def lay_fences(
    placer: Placer, heading: float, amount: float, seed: Seed, certain: Container[str] | None
) -> list[Distractor]:
    """Fences across the extent, in some scenes; in all if `certain` names them, in none if it names others."""
    draw = stream(seed, "clutter fences")
    share = FENCE_SHARE if certain is None else float(DistractorKind.FENCE in certain)
    return _lay(placer, DistractorKind.FENCE, FENCE, share, FENCE_CLEAR_M, 0.7, heading, amount, draw)


def lay_trenches(
    placer: Placer, heading: float, amount: float, seed: Seed, certain: Container[str] | None
) -> list[Distractor]:
    """Trenches along or across the rows, in some scenes."""
    draw = stream(seed, "clutter trenches")
    share = TRENCH_SHARE if certain is None else float(DistractorKind.TRENCH in certain)
    return _lay(placer, DistractorKind.TRENCH, TRENCH, share, TRENCH_CLEAR_M, 1.7, heading, amount, draw)


def _lay(
    placer: Placer,
    kind: DistractorKind,
    habit: Habit,
    share: float,
    clear_m: float,
    wide_m: float,
    heading: float,
    amount: float,
    draw: np.random.Generator,
) -> list[Distractor]:
    is_there, rounding = draw.random(2).tolist()
    placed: list[Distractor] = []
    if is_there >= share:
        return placed
    for _ in range(min(int(USUAL_LINES * amount + rounding), 12)):
        across, size, shape = draw.random(3).tolist()
        tint = habit.tints[int(draw.random() * len(habit.tints))]
        along = heading + (np.pi / 2 if across < 0.4 else 0.0) + 0.2 * float(draw.random() - 0.5)
        at = (draw.random(2) * 2 - 1) * placer.half_m
        shape_seed = int(shape * 2**31)
        line = []
        for _ in range(PIECES[0] + int(size * (PIECES[1] - PIECES[0]))):
            along += BEND * float(draw.random() * 2 - 1)
            forth = np.array([np.cos(along), np.sin(along)])
            middle = at + forth * PIECE_M / 2
            reach = middle + forth * np.linspace(-0.5, 0.5, 5)[:, None] * PIECE_M
            seat = None
            if placer.is_clear(reach, clear_m, wide_m):
                seat = placer.seat(float(middle[0]), float(middle[1]), PIECE_M / 2, habit)
            if seat is not None:
                x, y = middle.tolist()
                piece = stand(kind, x, y, seat, draw, scale=1.0, turn=float(along), tint=tint)
                line.append((replace(piece, shape_seed=shape_seed), reach))
            at = at + forth * PIECE_M
        for piece, reach in line:
            placer.take(reach, wide_m - 0.3)
            placed.append(piece)
    return placed


HIDDEN_SHARE: Span = (0.05, 0.1)
MAX_MACHINES, MAX_BAGS = 15, 30  # in a picture of USUAL_AREA_M2; drawn from 0
GROWTH = 0.65  # numbers grow with this power of the area, so that a picture of 16 m has some things of its own
EMPTY_FACTOR = 1.8  # more kinds, and more of each, in scenes without piles
BUSY = (0.35, 1.75)  # how full a scene is, times the usual
BEYOND_M = 4.0  # things stand up to this far beyond the pictures' edges and reach into them
MAX_THINGS = 5000
OWN_OPTIONS = {"pile": "--piles", "bag": "--num-bags", "machine": "--num-machinery"}
AT_DEPOT_SHARE = 0.7
DEPOT_M = 9.0
WORK_M = 5.0


def parse_kinds(text: str) -> tuple[str, ...]:
    """`hole,vegetation` -> every kind that these name or hold, in the order of `DistractorKind`.

    UsageError for an unknown name, and for one that has an option of its own.
    """
    names = [name.strip() for name in text.split(",")]
    scattered = [kind for kind in DistractorKind if kind not in (*MACHINES, DistractorKind.BAG)]
    known = {kind.value for kind in scattered} | {category_of(kind) for kind in scattered}
    for name in names:
        own = OWN_OPTIONS.get(name)
        if own is not None:
            raise UsageError(f"--confusers: {name!r} has an option of its own, {own}")
        if name not in known:
            raise UsageError(f"--confusers: {name!r} is not one of {', '.join(sorted(known))}")
    return tuple(kind.value for kind in scattered if kind.value in names or category_of(kind) in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClutterOptions:
    clutter: float = option(
        1.0, "How many things there are besides piles, machines and bags; 0 for none.", metavar="FACTOR"
    )
    confusers: tuple[str, ...] | None = option(
        None,
        "Scatter only these, in every scene: kinds such as hole,cable_drum or classes such as vegetation. "
        "(default: some of all, other ones in each scene)",
        metavar="LIST",
        parse=parse_kinds,
    )
    hidden_share: Span | None = option(
        None,
        "Share of the piles that something hides a part of. (default: 0.05..0.1)",
        metavar="SHARE",
        parse=parse_span,
    )

    def check(self) -> None:
        """Raise UsageError for a number out of its range, and for options that exclude one another."""
        check_number("--clutter", self.clutter, 0, 10)
        check_span("--hidden-share", self.hidden_share, 0, 1)
        if self.confusers is not None and self.clutter == 0:
            raise UsageError("--confusers: has no effect with --clutter 0; leave one of them out")


def place_clutter(
    options: SceneOptions,
    clutter: ClutterOptions,
    terrain: Terrain,
    layout: SiteLayout,
    piles: tuple[Pile, ...],
    extent: Extent,
    seed: Seed,
    taken: tuple[Disc, ...] = (),
) -> tuple[Distractor, ...]:
    """Place everything that is not a pile, numbered after the piles. UsageError if given numbers do not fit.

    `taken`: ground to keep free.
    """
    half_m = min(extent.half_m + BEYOND_M, terrain.side_m / 2 - 1)
    yard = _Yard(Placer(half_m, terrain, piles, seed), layout, seed, is_empty=not piles, factor=clutter.clutter)
    for middles_m, radius_m in taken:
        yard.placer.take(middles_m, radius_m)
    share = between(clutter.hidden_share or HIDDEN_SHARE, stream(seed, "option hidden_share").random())
    placed = hide_piles(yard.placer, piles, share, seed)
    placed += yard.place_machines(options)
    placed += yard.place_bags(options)
    asked = len(placed)  # these stay, however many they are
    if clutter.clutter > 0:
        certain = None if clutter.confusers is None else set(clutter.confusers)
        placed += lay_fences(yard.placer, yard.heading, yard.amount, seed, certain)
        placed += lay_trenches(yard.placer, yard.heading, yard.amount, seed, certain)
        for kind, habit in HABITS.items():
            if len(placed) < MAX_THINGS:
                placed += yard.scatter(kind, habit, certain)
    first = 1 + max((pile.number for pile in piles), default=0)
    return tuple(replace(thing, number=first + place) for place, thing in enumerate(placed[: max(MAX_THINGS, asked)]))


def in_winter(things: tuple[Distractor, ...]) -> tuple[Distractor, ...]:
    """The same things with the leaves of winter."""
    leafy = (DistractorKind.TREE, DistractorKind.BUSH)
    return tuple(
        replace(thing, tint=WINTER_LEAVES[thing.number % len(WINTER_LEAVES)]) if thing.kind in leafy else thing
        for thing in things
    )


class _Yard:
    """The free ground of a scene with its depots and roads, being filled."""

    def __init__(self, placer: Placer, layout: SiteLayout, seed: Seed, *, is_empty: bool, factor: float) -> None:
        self.placer = placer
        self._seed = seed
        self._is_empty = is_empty
        size = (4 * placer.half_m**2 / USUAL_AREA_M2) ** GROWTH
        self._size = size
        draw = stream(seed, "clutter yard")
        busy = BUSY[0] + (BUSY[1] - BUSY[0]) * float(draw.random())
        self.amount = size * factor * busy * (EMPTY_FACTOR if is_empty else 1.0)
        """Factor for the usual numbers of things."""
        own = float(draw.random() * np.pi)
        self.heading = layout.strips[0].heading if layout.strips else own
        self._depots = (draw.random((2, 2)) * 2 - 1) * 0.85 * placer.half_m
        self._work: list[np.ndarray] = list(self._depots)
        inside = [way for way in layout.roads_m if len(way) > 1 and np.abs(way).min() < placer.half_m]
        self._roads = inside

    def place_machines(self, options: SceneOptions) -> list[Distractor]:
        """The given number, or a random one; smaller machines where large ones do not fit."""
        draw = stream(self._seed, "clutter machines")
        wanted = int(draw.random() * (MAX_MACHINES * min(self._size, 1.0) + 1))
        if options.num_machinery is not None:
            wanted = options.num_machinery
        placed: list[Distractor] = []
        for kind in draw.choice(len(MACHINES), wanted, p=MACHINE_SHARES):
            own = stream((*_numbers(self._seed), len(placed)), "clutter machine")
            share = float(own.random())
            for smaller in MACHINES[kind:]:
                scale = scale_of(HABITS[smaller], share)
                found = self.placer.find(HABITS[smaller], scale, own)
                if found is None and share > 0:
                    scale = scale_of(HABITS[smaller], 0.0)
                    found = self.placer.find(HABITS[smaller], scale, own)
                if found is not None:
                    x, y, seat = found
                    self._add(stand(smaller, x, y, seat, own, scale=scale), placed)
                    break
        if options.num_machinery is not None:
            require_all("--num-machinery", "machines", wanted, len(placed))
        return placed

    def place_bags(self, options: SceneOptions) -> list[Distractor]:
        """The given number, or a random one, alone or side by side."""
        draw = stream(self._seed, "clutter bags")
        wanted = int(draw.random() * (MAX_BAGS * min(self._size, 1.0) + 1))
        if options.num_bags is not None:
            wanted = options.num_bags
        placed = self._scattered(DistractorKind.BAG, HABITS[DistractorKind.BAG], wanted, draw)
        if options.num_bags is not None:
            require_all("--num-bags", "bags", wanted, len(placed))
        return placed

    def scatter(self, kind: DistractorKind, habit: Habit, certain: Container[str] | None) -> list[Distractor]:
        """Things of this kind, in scenes that have it: those drawn, or all if `certain` names it and none if not."""
        draw = stream(self._seed, f"clutter {kind.value}")
        is_there, much, rounding = draw.random(3).tolist()
        share = min(habit.share * (EMPTY_FACTOR if self._is_empty else 1.0), 0.9)
        if habit.usual == 0 or is_there >= (share if certain is None else float(kind in certain)):
            return []
        wanted = habit.usual * self.amount * (0.2 + 2.2 * much * much)
        return self._scattered(kind, habit, int(wanted + rounding), draw)

    def _scattered(
        self, kind: DistractorKind, habit: Habit, wanted: int, draw: np.random.Generator
    ) -> list[Distractor]:
        placed: list[Distractor] = []
        failed = 0
        tint = None
        while len(placed) < wanted and failed < 6:
            share, alike, many, turn = draw.random(4).tolist()
            scale = scale_of(habit, share)
            tint = habit.tints[int(alike * len(habit.tints))] if alike < 0.5 else None
            near, spread_m, heading = self._anchor(habit, draw)
            count = min(1 + int(many * many * habit.group), wanted - len(placed))
            found = self.placer.find(habit, scale, draw, near, spread_m)
            if found is None:
                failed += 1
                continue
            if habit.apart_m:
                heading = self.heading
            own_turn = heading if heading is not None else float(turn * 2 * np.pi)
            first = np.array(found[:2])
            x, y, seat = found
            self._add(stand(kind, x, y, seat, draw, scale=scale, turn=own_turn, tint=tint), placed)
            for member in range(1, count):
                place, reach_m = self._beside(first, member, count, habit, scale)
                size = scale if habit.apart_m else scale * (0.9 + 0.2 * float(draw.random()))
                size = float(np.clip(size, *habit.scales))
                found = self.placer.find(habit, size, draw, place, reach_m)
                if found is not None:
                    x, y, seat = found
                    jitter = float(draw.random() - 0.5) * (0.06 if habit.apart_m else 0.5)
                    self._add(stand(kind, x, y, seat, draw, scale=size, turn=own_turn + jitter, tint=tint), placed)
        return placed

    def _add(self, thing: Distractor, placed: list[Distractor]) -> None:
        placed.append(thing)
        at = np.array([thing.x_m, thing.y_m])
        self.placer.take(at, HABITS[thing.kind].footprint_m * thing.scale)
        if thing.kind in MACHINES:
            self._work.append(at)

    def _beside(
        self, first: np.ndarray, member: int, count: int, habit: Habit, scale: float
    ) -> tuple[np.ndarray, float]:
        """Place of a group's member and how far it may be from there: a lattice along the site's rows, or close by."""
        if habit.apart_m:
            columns = max(int(np.ceil(np.sqrt(count))), 3)
            row, column = divmod(member, columns)
            forth = np.array([np.cos(self.heading), np.sin(self.heading)])
            return first + habit.apart_m * (column * forth + row * np.array([-forth[1], forth[0]])), 0.4
        return first, 2.2 * habit.footprint_m * scale + 0.9

    def _anchor(self, habit: Habit, draw: np.random.Generator) -> tuple[np.ndarray | None, float, float | None]:
        """Where to look for a place: around a point, how far from it, and the direction to stand in, if any."""
        luck, which, along, side = draw.random(4).tolist()
        half_m = self.placer.half_m
        if habit.where is Where.DEPOT and luck < AT_DEPOT_SHARE:
            depot = self._depots[int(which * len(self._depots))]
            return depot, min(DEPOT_M, half_m), self.heading + (np.pi / 2 if side < 0.2 else 0.0)
        if habit.where is Where.WORK and luck < 0.6:
            return self._work[int(which * len(self._work))], min(WORK_M, half_m) + habit.footprint_m, None
        if habit.where is Where.ROAD and self._roads and luck < 0.8:
            way = self._roads[int(which * len(self._roads))]
            place = along * (len(way) - 1.001)
            start, end = way[int(place)], way[int(place) + 1]
            step = end - start
            turn = float(np.arctan2(step[1], step[0])) + (np.pi if side < 0.5 else 0.0)
            return start + step * (place - int(place)), 2.0, turn
        if habit.where is Where.EDGE and luck < 0.5:
            turn = which * 2 * np.pi
            way = np.array([np.cos(turn), np.sin(turn)])
            return way / np.abs(way).max() * (0.75 + 0.25 * along) * half_m, 6.0, None
        return None, 0.0, None


def _numbers(seed: Seed) -> tuple[int, ...]:
    return (seed,) if isinstance(seed, int) else seed
