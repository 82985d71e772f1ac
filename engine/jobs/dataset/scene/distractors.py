"""Things on the site that are not piles: machines, bundles of bars, bags, broken concrete."""

import numpy as np

from engine.errors import UsageError
from engine.jobs.dataset.scene.clearance import Clearance
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.settling import Settled
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.things import Distractor, DistractorKind, Pile

FOOTPRINT_M = {
    DistractorKind.BAG: 0.6,
    DistractorKind.EXCAVATOR: 5.0,
    DistractorKind.LOADER: 4.0,
    DistractorKind.ROLLER: 3.2,
    DistractorKind.DEBRIS: 0.8,
    DistractorKind.REBAR: 3.2,
}
"""Bounding radius at scale 1, for any rotation."""
FROM_PILE_M = 1.0
"""Minimum distance between a footprint and the axis of a pile."""
APART_M = 0.3
"""Minimum distance between two footprints."""
MACHINES = (DistractorKind.EXCAVATOR, DistractorKind.LOADER, DistractorKind.ROLLER)
"""From the largest to the smallest."""
MACHINE_SHARES = (0.5, 0.25, 0.25)
DEBRIS_PIECES = (10, 40)
REBAR_BUNDLES = (2, 8)
LEVEL_SLOPE = 0.3
"""Rise per metre above which ground is used only when no flatter ground is left."""
SCALES = (0.85, 1.0)


def place_distractors(
    settled: Settled, terrain: Terrain, piles: tuple[Pile, ...], seed: Seed
) -> tuple[Distractor, ...]:
    """Place machines, bags and debris. UsageError if there is no room for the requested machines or bags."""
    places = Clearance(settled.site, stream(seed, "distractors places"))
    if piles:
        places.take(np.array([(pile.x_m, pile.y_m) for pile in piles]), FROM_PILE_M)
    placer = _Placer(places, terrain, seed)
    kinds = stream(seed, "distractors machines").choice(len(MACHINES), settled.num_machinery, p=MACHINE_SHARES)
    machines: list[Distractor] = []
    for kind in kinds:
        # Fall back to a smaller machine where a larger one does not fit; crowded sites have rollers on their roads.
        placed = next((found for smaller in MACHINES[kind:] if (found := placer.place(smaller, 1))), [])
        machines += placed
        if not placed:
            break
    if settled.must_machinery_fit:
        require_all("--num-machinery", "machines", settled.num_machinery, len(machines))
    draw = stream(seed, "distractors counts")
    bundles, pieces = (int(draw.integers(low, high + 1)) for low, high in (REBAR_BUNDLES, DEBRIS_PIECES))
    rebar = placer.place(DistractorKind.REBAR, bundles)
    bags = placer.place(DistractorKind.BAG, settled.num_bags)
    if settled.must_bags_fit:
        require_all("--num-bags", "bags", settled.num_bags, len(bags))
    return (*machines, *rebar, *bags, *placer.place(DistractorKind.DEBRIS, pieces))


def require_all(option: str, things: str, wanted: int, fit: int) -> None:
    """Raise UsageError if fewer things fit than were asked for."""
    if fit < wanted:
        raise UsageError(f"{option} {wanted}: {fit} {things} fit between the piles of this site")


class _Placer:
    """Tries every place in a random order per kind, level ground first."""

    def __init__(self, places: Clearance, terrain: Terrain, seed: Seed) -> None:
        self._places = places
        self._terrain = terrain
        self._seed = seed
        self._east, self._north = terrain.slope_at(places.points_m[:, 0], places.points_m[:, 1])
        self._is_steep = np.hypot(self._east, self._north) > LEVEL_SLOPE
        self._draws: dict[DistractorKind, np.random.Generator] = {}
        self._orders: dict[DistractorKind, np.ndarray] = {}

    def place(self, kind: DistractorKind, count: int) -> list[Distractor]:
        """Place up to `count` things, as many as fit."""
        if kind not in self._draws:
            self._draws[kind] = stream(self._seed, f"distractors {kind.value}")
            order = self._draws[kind].permutation(len(self._is_steep))
            self._orders[kind] = order[np.argsort(self._is_steep[order], kind="stable")]
        draw, order = self._draws[kind], self._orders[kind]
        order = order[self._places.room_m[order] >= FOOTPRINT_M[kind]]
        placed: list[Distractor] = []
        tried = 0
        for point in order:
            if len(placed) == count:
                break
            tried += 1
            if self._places.room_m[point] >= FOOTPRINT_M[kind]:
                placed.append(self._stand(kind, point, draw))
                self._places.take(self._places.points_m[point][None], FOOTPRINT_M[kind] + APART_M)
        self._orders[kind] = order[tried:]  # skipped places stay occupied
        return placed

    def _stand(self, kind: DistractorKind, point: int, draw: np.random.Generator) -> Distractor:
        x, y = self._places.points_m[point]
        turn, scale, shade = draw.random(3)
        return Distractor(
            kind=kind,
            x_m=float(x),
            y_m=float(y),
            ground_m=float(self._terrain.height_at(x, y)),
            turn=float(turn * 2 * np.pi),
            slope_x=float(self._east[point]),
            slope_y=float(self._north[point]),
            scale=float(SCALES[0] + (SCALES[1] - SCALES[0]) * scale),
            shape_seed=int(draw.integers(2**32)),
            shade=float(0.85 + 0.25 * shade),
        )
