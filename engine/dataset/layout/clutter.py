"""Things of recipe 2 that are not piles: machines, bags, and what a detector confuses with piles. A scene has some
kinds and lacks others, in other numbers; without piles it has more of both."""

from dataclasses import dataclass, replace

import numpy as np

from engine.dataset.layout.assets import Disc
from engine.dataset.layout.habits import (
    HABITS,
    MACHINE_SHARES,
    MACHINES,
    USUAL_AREA_M2,
    WINTER_LEAVES,
    Habit,
    Where,
)
from engine.dataset.layout.hiding import hide_piles
from engine.dataset.layout.placer import PiledSite, Placer, require_all, stand
from engine.dataset.options import SceneOptions
from engine.dataset.scene.streams import stream
from engine.dataset.scene.things import Distractor, DistractorKind, category_of
from engine.errors import UsageError
from engine.jobs.kit import Span, between, check_number, check_span, option, parse_span

LINED_SHARE = 0.3  # share of scenes with fences; with trenches
MAX_LINES = 12
PIECE_M = 3.0
USUAL_LINES = 2.0  # in a picture of the usual size
PIECES = (3, 28)
BEND = 0.06  # largest change of direction from piece to piece, radians
HIDDEN_SHARE: Span = (0.05, 0.1)
MAX_MACHINES, MAX_BAGS = 15, 30  # in a picture of USUAL_AREA_M2; drawn from 0
GROWTH = 0.65  # numbers grow with this power of the area, so that a picture of 16 m has some things of its own
EMPTY_FACTOR = 1.8  # more kinds, and more of each, in scenes without piles
BUSY = (0.35, 1.75)  # how full a scene is, times the usual
MAX_THINGS = 5000
OWN_OPTIONS = {"pile": "--piles", "bag": "--num-bags", "machine": "--num-machinery"}
AT_DEPOT_SHARE = 0.7
DEPOTS_WITHIN = 0.85  # share of the extent
DEPOT_M = 9.0
LINES = {DistractorKind.FENCE: ("clutter fences", 0.7), DistractorKind.TRENCH: ("clutter trenches", 1.7)}
"""Random stream of what stands in lines, and its distance from anything but piles."""
WORK_M = 5.0


def parse_kinds(text: str) -> tuple[str, ...]:
    """`hole,vegetation` -> every kind that these name or hold, in the order of `DistractorKind`. UsageError."""
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
    options: SceneOptions, clutter: ClutterOptions, site: PiledSite, taken: tuple[Disc, ...] = ()
) -> tuple[Distractor, ...]:
    """Place all that is no pile, numbered after the piles, clear of `taken`. UsageError if given numbers do not fit."""
    yard = _Yard(site, clutter)
    for middles_m, radius_m in taken:
        yard.placer.take(middles_m, radius_m)
    share = between(clutter.hidden_share or HIDDEN_SHARE, stream(site.seed, "option hidden_share").random())
    placed = hide_piles(yard.placer, site.piles, share, site.seed)
    placed += yard.place_machines(options.num_machinery)
    placed += yard.place_bags(options.num_bags)
    asked = len(placed)  # these stay, however many they are
    if clutter.clutter > 0:
        for kind in LINES:
            placed += yard.lay(kind)
        for kind in HABITS:
            if len(placed) < MAX_THINGS:
                placed += yard.scatter(kind)
    first = 1 + max((pile.number for pile in site.piles), default=0)
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

    def __init__(self, site: PiledSite, clutter: ClutterOptions) -> None:
        self.placer = Placer(site)
        self._seed = site.seed
        self._certain = None if clutter.confusers is None else frozenset(clutter.confusers)
        self._share_factor = 1.0 if site.piles else EMPTY_FACTOR
        half_m = self.placer.half_m
        self._size = (4 * half_m**2 / USUAL_AREA_M2) ** GROWTH
        draw = stream(site.seed, "clutter yard")
        busy = between(BUSY, float(draw.random()))
        self._amount = self._size * clutter.clutter * busy * self._share_factor  # factor for the usual numbers
        own = float(draw.random() * np.pi)
        self._heading = own if site.heading is None else site.heading
        self._depots = (draw.random((2, 2)) * 2 - 1) * DEPOTS_WITHIN * half_m
        self._work: list[np.ndarray] = list(self._depots)
        self._roads = [way for way in site.layout.roads_m if len(way) > 1 and np.abs(way).min() < half_m]

    def place_machines(self, given: int | None) -> list[Distractor]:
        """The given number, or a random one; smaller machines where large ones do not fit."""
        draw = stream(self._seed, "clutter machines")
        usual = int(draw.random() * (MAX_MACHINES * min(self._size, 1.0) + 1))
        wanted = usual if given is None else given
        placed: list[Distractor] = []
        for kind in draw.choice(len(MACHINES), wanted, p=MACHINE_SHARES):
            numbers = (self._seed,) if isinstance(self._seed, int) else self._seed
            own = stream((*numbers, len(placed)), "clutter machine")
            share = float(own.random())
            for smaller in MACHINES[kind:]:
                habit = HABITS[smaller]
                scale = between(habit.scales, share)
                found = self.placer.find(habit, scale, own)
                if found is None and share > 0:
                    scale = habit.scales[0]
                    found = self.placer.find(habit, scale, own)
                if found is not None:
                    self._add(stand(smaller, found, own, scale=scale), placed)
                    break
        if given is not None:
            require_all("--num-machinery", "machines", wanted, len(placed))
        return placed

    def place_bags(self, given: int | None) -> list[Distractor]:
        """The given number, or a random one, alone or side by side."""
        draw = stream(self._seed, "clutter bags")
        usual = int(draw.random() * (MAX_BAGS * min(self._size, 1.0) + 1))
        wanted = usual if given is None else given
        placed = self._scattered(DistractorKind.BAG, wanted, draw)
        if given is not None:
            require_all("--num-bags", "bags", wanted, len(placed))
        return placed

    def lay(self, kind: DistractorKind) -> list[Distractor]:
        """Lines of this kind, in scenes that have it: each bends a little from piece to piece."""
        name, width_m = LINES[kind]
        habit, draw = HABITS[kind], stream(self._seed, name)
        is_there, rounding = draw.random(2).tolist()
        placed: list[Distractor] = []
        if is_there >= self._share(kind, LINED_SHARE):
            return placed
        for _ in range(min(int(USUAL_LINES * self._amount + rounding), MAX_LINES)):
            across, size, shape = draw.random(3).tolist()
            tint = habit.tints[int(draw.random() * len(habit.tints))]
            along = self._heading + (np.pi / 2 if across < 0.4 else 0.0) + 0.2 * float(draw.random() - 0.5)
            at = (draw.random(2) * 2 - 1) * self.placer.half_m
            shape_seed = int(shape * 2**31)
            pieces = []
            for _ in range(PIECES[0] + int(size * (PIECES[1] - PIECES[0]))):
                along += BEND * float(draw.random() * 2 - 1)
                forth = np.array([np.cos(along), np.sin(along)])
                middle = at + forth * PIECE_M / 2
                reach = middle + forth * np.linspace(-0.5, 0.5, 5)[:, None] * PIECE_M
                found = None
                if self.placer.is_clear(reach, habit.from_pile_m, width_m):
                    found = self.placer.seat(float(middle[0]), float(middle[1]), PIECE_M / 2, habit)
                if found is not None:
                    piece = stand(kind, found, draw, scale=1.0, turn=float(along), tint=tint)
                    pieces.append((replace(piece, shape_seed=shape_seed), reach))
                at = at + forth * PIECE_M
            for piece, reach in pieces:
                self.placer.take(reach, width_m - 0.3)
                placed.append(piece)
        return placed

    def scatter(self, kind: DistractorKind) -> list[Distractor]:
        habit = HABITS[kind]
        draw = stream(self._seed, f"clutter {kind.value}")
        is_there, much, rounding = draw.random(3).tolist()
        usual = min(habit.share * self._share_factor, 0.9)
        if habit.usual == 0 or is_there >= self._share(kind, usual):
            return []
        wanted = habit.usual * self._amount * (0.2 + 2.2 * much * much)
        return self._scattered(kind, int(wanted + rounding), draw)

    def _share(self, kind: DistractorKind, usual: float) -> float:
        """Share of scenes that have this kind: all or none if --confusers names some."""
        return usual if self._certain is None else float(kind in self._certain)

    def _scattered(self, kind: DistractorKind, wanted: int, draw: np.random.Generator) -> list[Distractor]:
        habit = HABITS[kind]
        placed: list[Distractor] = []
        failed = 0
        while len(placed) < wanted and failed < 6:
            share, alike, many, turn = draw.random(4).tolist()
            scale = between(habit.scales, share)
            tint = habit.tints[int(alike * len(habit.tints))] if alike < 0.5 else None
            near, spread_m, heading = self._anchor(habit, draw)
            count = min(1 + int(many * many * habit.group), wanted - len(placed))
            found = self.placer.find(habit, scale, draw, near, spread_m)
            if found is None:
                failed += 1
                continue
            if habit.apart_m:
                heading = self._heading
            own_turn = heading if heading is not None else float(turn * 2 * np.pi)
            first = np.array([found.x_m, found.y_m])
            self._add(stand(kind, found, draw, scale=scale, turn=own_turn, tint=tint), placed)
            for member in range(1, count):
                place, reach_m = first, 2.2 * habit.footprint_m * scale + 0.9
                if habit.apart_m:
                    place, reach_m = self._on_lattice(first, member, count, habit.apart_m), 0.4
                size = scale if habit.apart_m else scale * (0.9 + 0.2 * float(draw.random()))
                size = float(np.clip(size, *habit.scales))
                found = self.placer.find(habit, size, draw, place, reach_m)
                if found is not None:
                    jitter = float(draw.random() - 0.5) * (0.06 if habit.apart_m else 0.5)
                    self._add(stand(kind, found, draw, scale=size, turn=own_turn + jitter, tint=tint), placed)
        return placed

    def _add(self, thing: Distractor, placed: list[Distractor]) -> None:
        placed.append(thing)
        at = np.array([thing.x_m, thing.y_m])
        self.placer.take(at, HABITS[thing.kind].footprint_m * thing.scale)
        if thing.kind in MACHINES:
            self._work.append(at)

    def _on_lattice(self, first: np.ndarray, member: int, count: int, apart_m: float) -> np.ndarray:
        """Place of a group's member on a lattice along the site's rows."""
        row, column = divmod(member, max(int(np.ceil(np.sqrt(count))), 3))
        forth = np.array([np.cos(self._heading), np.sin(self._heading)])
        return np.asarray(first + apart_m * (column * forth + row * np.array([-forth[1], forth[0]])))

    def _anchor(self, habit: Habit, draw: np.random.Generator) -> tuple[np.ndarray | None, float, float | None]:
        """Where to look for a place: around a point, how far from it, and the direction to stand in, if any."""
        luck, which, along, side = draw.random(4).tolist()
        half_m = self.placer.half_m
        if habit.where is Where.DEPOT and luck < AT_DEPOT_SHARE:
            depot = self._depots[int(which * len(self._depots))]
            return depot, min(DEPOT_M, half_m), self._heading + (np.pi / 2 if side < 0.2 else 0.0)
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
