"""Things of recipe 2 that are not piles: machines, bags, and what a detector confuses with piles. A
scene has some kinds and lacks others, in other numbers; without piles it has more of both."""

from dataclasses import dataclass, replace

import numpy as np

from engine.dataset.layout.assets import Disc
from engine.dataset.layout.habits import (
    HABITS,
    MACHINE_WEIGHTS,
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
from engine.jobs.kit import Span, check_number, check_span, interpolate, option, parse_span

# Numbers without a source are choices, not measurements.
LINED_SCENE_FRACTION = 0.3  # of the scenes that have fences, and of those that have trenches
# fences, or trenches, of such a scene: mean in USUAL_AREA_M2; maximum
MEAN_LINE_COUNT = 2.0
MAX_LINE_COUNT = 12
PIECE_LENGTH_M = 3.0  # FENCE_M of geometry/fittings.py
PIECE_COUNT_RANGE = (3, 28)  # pieces of a line
MAX_BEND_RAD = 0.06  # change of direction from piece to piece
HIDDEN_FRACTION: Span = (0.05, 0.1)  # of the piles; the default of --hidden-share
# recipe 1's (settling.py), in a picture of USUAL_AREA_M2; drawn from 0
MAX_MACHINE_COUNT = 15
MAX_BAG_COUNT = 30
# counts grow with this power of the area, so that a picture of 16 m has some things of its own
AREA_EXPONENT = 0.65
EMPTY_SCENE_FACTOR = 1.8  # more kinds, and more of each, in scenes without piles
DENSITY_FACTOR_RANGE = (0.35, 1.75)  # how full a scene is, times the usual
MAX_COUNT = 5000  # things of a scene, unless the options ask for more
OWN_OPTIONS = {"pile": "--piles", "bag": "--num-bags", "machine": "--num-machinery"}
DEPOT_PROBABILITY = 0.7  # that a thing of a kind found in depots is in one
DEPOT_EXTENT_FRACTION = 0.85  # of the extent, within which the depots are
# around a depot, and around a place of work
DEPOT_RADIUS_M = 9.0
WORK_RADIUS_M = 5.0
LINES = {
    DistractorKind.FENCE: ("clutter fences", 0.7),
    DistractorKind.TRENCH: ("clutter trenches", 1.7),
}
"""Random stream of what stands in lines, and its distance from anything but piles in metres."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """`hole,vegetation` -> every kind that these name or hold, in the order of `DistractorKind`.
    UsageError."""
    names = [name.strip() for name in text.split(",")]
    scattered = [kind for kind in DistractorKind if kind not in (*MACHINES, DistractorKind.BAG)]
    known = {kind.value for kind in scattered} | {category_of(kind) for kind in scattered}
    for name in names:
        own = OWN_OPTIONS.get(name)
        if own is not None:
            raise UsageError(f"--confusers: {name!r} has an option of its own, {own}")
        if name not in known:
            raise UsageError(f"--confusers: {name!r} is not one of {', '.join(sorted(known))}")
    return tuple(
        kind.value for kind in scattered if kind.value in names or category_of(kind) in names
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClutterOptions:
    clutter: float = option(
        1.0,
        "How many things there are besides piles, machines and bags; 0 for none.",
        metavar="FACTOR",
    )
    confusers: tuple[str, ...] | None = option(
        None,
        "Scatter only these, in every scene: kinds such as hole,cable_drum or classes such as "
        "vegetation. "
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
        """Raise UsageError for a number out of its range, and for options that exclude one
        another."""
        check_number("--clutter", self.clutter, 0, 10)
        check_span("--hidden-share", self.hidden_share, 0, 1)
        if self.confusers is not None and self.clutter == 0:
            raise UsageError("--confusers: has no effect with --clutter 0; leave one of them out")


def place_clutter(
    options: SceneOptions, clutter: ClutterOptions, site: PiledSite, occupied: tuple[Disc, ...] = ()
) -> tuple[Distractor, ...]:
    """Place all that is no pile, numbered after the piles, clear of `occupied`. UsageError if not
    all fit."""
    yard = _Yard(site, clutter)
    for middles_m, radius_m in occupied:
        yard.placer.take(middles_m, radius_m)
    fraction = interpolate(
        clutter.hidden_share or HIDDEN_FRACTION, stream(site.seed, "option hidden_share").random()
    )
    things = hide_piles(yard.placer, site.piles, fraction, site.seed)
    things += yard.place_machines(options.num_machinery)
    things += yard.place_bags(options.num_bags)
    least = len(things)  # these stay, however many they are
    if clutter.clutter > 0:
        for kind in LINES:
            things += yard.lay(kind)
        for kind in HABITS:
            if len(things) < MAX_COUNT:
                things += yard.scatter(kind)
    first = 1 + max((pile.number for pile in site.piles), default=0)
    return tuple(
        replace(thing, number=first + index)
        for index, thing in enumerate(things[: max(MAX_COUNT, least)])
    )


def in_winter(things: tuple[Distractor, ...]) -> tuple[Distractor, ...]:
    """The same things with the leaves of winter."""
    leafy = (DistractorKind.TREE, DistractorKind.BUSH)
    return tuple(
        replace(thing, tint=WINTER_LEAVES[thing.number % len(WINTER_LEAVES)])
        if thing.kind in leafy
        else thing
        for thing in things
    )


class _Yard:
    """The free ground of a scene with its depots and roads, being filled."""

    def __init__(self, site: PiledSite, clutter: ClutterOptions) -> None:
        self.placer = Placer(site)
        self._seed = site.seed
        self._requested_kinds = None if clutter.confusers is None else frozenset(clutter.confusers)
        self._frequency_factor = 1.0 if site.piles else EMPTY_SCENE_FACTOR
        half_m = self.placer.half_m
        self._size = (4 * half_m**2 / USUAL_AREA_M2) ** AREA_EXPONENT
        draw = stream(site.seed, "clutter yard")
        busy = interpolate(DENSITY_FACTOR_RANGE, float(draw.random()))
        # factor for the usual numbers
        self._amount = self._size * clutter.clutter * busy * self._frequency_factor
        own = float(draw.random() * np.pi)
        self._heading = own if site.heading is None else site.heading
        self._depots = (draw.random((2, 2)) * 2 - 1) * DEPOT_EXTENT_FRACTION * half_m
        self._work: list[np.ndarray] = list(self._depots)
        self._roads = [
            way for way in site.layout.roads_m if len(way) > 1 and np.abs(way).min() < half_m
        ]

    def place_machines(self, requested_count: int | None) -> list[Distractor]:
        """Place the requested number, or a random one; smaller machines where large ones do not
        fit."""
        draw = stream(self._seed, "clutter machines")
        usual = int(draw.random() * (MAX_MACHINE_COUNT * min(self._size, 1.0) + 1))
        target_count = usual if requested_count is None else requested_count
        machines: list[Distractor] = []
        for kind in draw.choice(len(MACHINES), target_count, p=MACHINE_WEIGHTS):
            numbers = (self._seed,) if isinstance(self._seed, int) else self._seed
            own = stream((*numbers, len(machines)), "clutter machine")
            size = float(own.random())
            for smaller in MACHINES[kind:]:
                habit = HABITS[smaller]
                scale = interpolate(habit.scales, size)
                found = self.placer.find(habit, scale, own)
                if found is None and size > 0:
                    scale = habit.scales[0]
                    found = self.placer.find(habit, scale, own)
                if found is not None:
                    self._add(stand(smaller, found, own, scale=scale), machines)
                    break
        if requested_count is not None:
            require_all("--num-machinery", "machines", target_count, len(machines))
        return machines

    def place_bags(self, requested_count: int | None) -> list[Distractor]:
        """Place the requested number, or a random one, alone or side by side."""
        draw = stream(self._seed, "clutter bags")
        usual = int(draw.random() * (MAX_BAG_COUNT * min(self._size, 1.0) + 1))
        target_count = usual if requested_count is None else requested_count
        bags = self._scatter(DistractorKind.BAG, target_count, draw)
        if requested_count is not None:
            require_all("--num-bags", "bags", target_count, len(bags))
        return bags

    def lay(self, kind: DistractorKind) -> list[Distractor]:
        """Lines of this kind, in scenes that have it: each bends a little from piece to piece."""
        name, width_m = LINES[kind]
        habit = HABITS[kind]
        draw = stream(self._seed, name)
        presence_roll, rounding = draw.random(2).tolist()
        things: list[Distractor] = []
        if presence_roll >= self._scene_fraction(kind, LINED_SCENE_FRACTION):
            return things
        for _ in range(min(int(MEAN_LINE_COUNT * self._amount + rounding), MAX_LINE_COUNT)):
            across, size, shape = draw.random(3).tolist()
            tint = habit.tints[int(draw.random() * len(habit.tints))]
            along = (
                self._heading
                + (np.pi / 2 if across < 0.4 else 0.0)
                + 0.2 * float(draw.random() - 0.5)
            )
            at = (draw.random(2) * 2 - 1) * self.placer.half_m
            shape_seed = int(shape * 2**31)
            pieces = []
            for _ in range(
                PIECE_COUNT_RANGE[0] + int(size * (PIECE_COUNT_RANGE[1] - PIECE_COUNT_RANGE[0]))
            ):
                along += MAX_BEND_RAD * float(draw.random() * 2 - 1)
                forth = np.array([np.cos(along), np.sin(along)])
                middle = at + forth * PIECE_LENGTH_M / 2
                reach = middle + forth * np.linspace(-0.5, 0.5, 5)[:, None] * PIECE_LENGTH_M
                found = None
                if self.placer.is_clear(reach, habit.from_pile_m, width_m):
                    found = self.placer.seat(
                        float(middle[0]), float(middle[1]), PIECE_LENGTH_M / 2, habit
                    )
                if found is not None:
                    piece = stand(kind, found, draw, scale=1.0, turn=float(along), tint=tint)
                    pieces.append((replace(piece, shape_seed=shape_seed), reach))
                at = at + forth * PIECE_LENGTH_M
            for piece, reach in pieces:
                self.placer.take(reach, width_m - 0.3)
                things.append(piece)
        return things

    def scatter(self, kind: DistractorKind) -> list[Distractor]:
        habit = HABITS[kind]
        draw = stream(self._seed, f"clutter {kind.value}")
        presence_roll, much, rounding = draw.random(3).tolist()
        usual = min(habit.chance * self._frequency_factor, 0.9)
        if habit.count == 0 or presence_roll >= self._scene_fraction(kind, usual):
            return []
        target_count = habit.count * self._amount * (0.2 + 2.2 * much * much)
        return self._scatter(kind, int(target_count + rounding), draw)

    def _scene_fraction(self, kind: DistractorKind, usual: float) -> float:
        """Fraction of scenes that have this kind: all or none if --confusers names some."""
        return usual if self._requested_kinds is None else float(kind in self._requested_kinds)

    def _scatter(
        self, kind: DistractorKind, target_count: int, draw: np.random.Generator
    ) -> list[Distractor]:
        habit = HABITS[kind]
        things: list[Distractor] = []
        failed = 0
        while len(things) < target_count and failed < 6:
            size_roll, alike, many, turn = draw.random(4).tolist()
            scale = interpolate(habit.scales, size_roll)
            tint = habit.tints[int(alike * len(habit.tints))] if alike < 0.5 else None
            near, spread_m, heading = self._anchor(habit, draw)
            count = min(1 + int(many * many * habit.group), target_count - len(things))
            found = self.placer.find(habit, scale, draw, near, spread_m)
            if found is None:
                failed += 1
                continue
            if habit.apart_m:
                heading = self._heading
            own_turn = heading if heading is not None else float(turn * 2 * np.pi)
            first = np.array([found.x_m, found.y_m])
            self._add(stand(kind, found, draw, scale=scale, turn=own_turn, tint=tint), things)
            for member in range(1, count):
                target = first
                reach_m = 2.2 * habit.footprint_m * scale + 0.9
                if habit.apart_m:
                    target = self._on_lattice(first, member, count, habit.apart_m)
                    reach_m = 0.4
                size = scale if habit.apart_m else scale * (0.9 + 0.2 * float(draw.random()))
                size = float(np.clip(size, *habit.scales))
                found = self.placer.find(habit, size, draw, target, reach_m)
                if found is not None:
                    jitter = float(draw.random() - 0.5) * (0.06 if habit.apart_m else 0.5)
                    self._add(
                        stand(kind, found, draw, scale=size, turn=own_turn + jitter, tint=tint),
                        things,
                    )
        return things

    def _add(self, thing: Distractor, things: list[Distractor]) -> None:
        things.append(thing)
        at = np.array([thing.x_m, thing.y_m])
        self.placer.take(at, HABITS[thing.kind].footprint_m * thing.scale)
        if thing.kind in MACHINES:
            self._work.append(at)

    def _on_lattice(self, first: np.ndarray, member: int, count: int, apart_m: float) -> np.ndarray:
        """Position of a group's member on a lattice along the site's rows."""
        row, column = divmod(member, max(int(np.ceil(np.sqrt(count))), 3))
        forth = np.array([np.cos(self._heading), np.sin(self._heading)])
        return np.asarray(
            first + apart_m * (column * forth + row * np.array([-forth[1], forth[0]]))
        )

    def _anchor(
        self, habit: Habit, draw: np.random.Generator
    ) -> tuple[np.ndarray | None, float, float | None]:
        """Where to look for a free position: around a point, how far from it, and the direction to
        stand in, if any."""
        luck, which, along, side = draw.random(4).tolist()
        half_m = self.placer.half_m
        if habit.where is Where.DEPOT and luck < DEPOT_PROBABILITY:
            depot = self._depots[int(which * len(self._depots))]
            return (
                depot,
                min(DEPOT_RADIUS_M, half_m),
                self._heading + (np.pi / 2 if side < 0.2 else 0.0),
            )
        if habit.where is Where.WORK and luck < 0.6:
            return (
                self._work[int(which * len(self._work))],
                min(WORK_RADIUS_M, half_m) + habit.footprint_m,
                None,
            )
        if habit.where is Where.ROAD and self._roads and luck < 0.8:
            way = self._roads[int(which * len(self._roads))]
            position = along * (len(way) - 1.001)
            start, end = way[int(position)], way[int(position) + 1]
            step = end - start
            turn = float(np.arctan2(step[1], step[0])) + (np.pi if side < 0.5 else 0.0)
            return start + step * (position - int(position)), 2.0, turn
        if habit.where is Where.EDGE and luck < 0.5:
            turn = which * 2 * np.pi
            way = np.array([np.cos(turn), np.sin(turn)])
            return way / np.abs(way).max() * (0.75 + 0.25 * along) * half_m, 6.0, None
        return None, 0.0, None
