"""Places piles on the lines of a layout: kind, length and condition."""

import numpy as np

from engine.jobs.dataset.options import Preset
from engine.jobs.dataset.scene.description import Terrain
from engine.jobs.dataset.scene.layout import SiteLayout
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.scene.tables import TOP_M, cut_tables, expose_m, off_plane_m
from engine.jobs.dataset.scene.things import Pile, PileKind

JITTER_M = 0.005
TILT = 0.005
"""Maximum, radians."""
KINDS = (PileKind.PHC, PileKind.SPIRAL_STEEL, PileKind.CAST_IN_PLACE)
SHARES = (0.4, 0.3, 0.3)
FAVOURED: dict[Preset, tuple[PileKind, float]] = {
    "loess": (PileKind.SPIRAL_STEEL, 0.7),
    "hills": (PileKind.PHC, 0.6),
}
DIAMETERS_M = {
    PileKind.PHC: (0.3, 0.4, 0.5),
    PileKind.SPIRAL_STEEL: (0.076, 0.089, 0.114, 0.159),
    PileKind.CAST_IN_PLACE: (0.3,),
}
FLANGE_M = 0.22
HOOPED_SHARE = 0.8
CRACKED_SHARE = 0.2
RUST_SHARES = (0.5, 0.3, 0.15, 0.05)
BASE_M = (1.22, 1.5)
"""Determines a pile's bounding box: 32 to 40 px in a picture 5280 px wide; real boxes are 35 x 38 px."""
BASE_HIGH_M = (0.06, 0.2)


def kind_shares(preset: Preset | None) -> tuple[float, ...]:
    """Probability of each of `KINDS`. A preset fixes the kinds it favours; the others keep their proportion."""
    if preset is None:
        return SHARES
    favoured, share = FAVOURED[preset]
    others = 1 - SHARES[KINDS.index(favoured)]
    return tuple(
        share if kind is favoured else own * (1 - share) / others for kind, own in zip(KINDS, SHARES, strict=True)
    )


def plant(layout: SiteLayout, terrain: Terrain, preset: Preset | None, seed: Seed) -> tuple[Pile, ...]:
    """Place all piles of the layout, strip by strip; tables are numbered from 0."""
    strips = [strip for strip in layout.strips if len(strip.points_m)]
    if not strips:
        return ()
    count = sum(len(strip.points_m) for strip in strips)
    jitter = stream(seed, "piles jitter").uniform(-JITTER_M, JITTER_M, (count, 2))
    points = np.concatenate([strip.points_m for strip in strips]) + jitter
    ground = terrain.height_at(points[:, 0], points[:, 1])
    tables: list[slice] = []
    first = 0
    for strip in strips:
        own = slice(first, first + len(strip.points_m))
        cut = cut_tables(points[own], ground[own], strip.columns)
        tables += [slice(first + table.start, first + table.stop) for table in cut]
        first = own.stop
    misses = stream(seed, "piles tops").uniform(-TOP_M, TOP_M, count)
    levels = stream(seed, "piles exposed").random(len(tables))
    exposed = np.concatenate(
        [
            expose_m(off_plane_m(points[table], ground[table]), level, misses[table])
            for table, level in zip(tables, levels, strict=True)
        ]
    )
    kinds = stream(seed, "piles kinds").choice(len(KINDS), len(tables), p=kind_shares(preset))
    sizes = stream(seed, "piles sizes").random(len(tables))
    look = _looks(seed, count)
    piles = []
    for number, table in enumerate(tables):
        kind = KINDS[kinds[number]]
        diameters = DIAMETERS_M[kind]
        diameter_m = diameters[int(sizes[number] * len(diameters))]
        is_steel, is_phc = kind is PileKind.SPIRAL_STEEL, kind is PileKind.PHC
        for i in range(table.start, table.stop):
            piles.append(
                Pile(
                    kind=kind,
                    x_m=float(points[i, 0]),
                    y_m=float(points[i, 1]),
                    ground_m=float(ground[i]),
                    exposed_m=float(exposed[i]),
                    diameter_m=diameter_m,
                    base_diameter_m=float(look["base"][i]),
                    base_height_m=float(look["base high"][i]),
                    flange_diameter_m=FLANGE_M if is_steel else 0.0,
                    has_hoop=is_phc and bool(look["hoop"][i]),
                    is_cracked=is_phc and bool(look["crack"][i]),
                    rust=int(look["rust"][i]) if is_steel else 0,
                    tilt_x=float(look["tilt x"][i]),
                    tilt_y=float(look["tilt y"][i]),
                    turn=float(look["turn"][i]),
                    shade=float(look["shade"][i]),
                    table=number,
                )
            )
    return tuple(piles)


def _looks(seed: Seed, count: int) -> dict[str, np.ndarray]:
    """Random attributes of each pile, (count,) each."""

    def draw(part: str) -> np.random.Generator:
        return stream(seed, f"piles {part}")

    tilt = draw("tilt")
    lean, towards = TILT * np.sqrt(tilt.random(count)), tilt.uniform(0, 2 * np.pi, count)
    return {
        "base": draw("base").uniform(*BASE_M, count),
        "base high": draw("base high").uniform(*BASE_HIGH_M, count),
        "hoop": draw("hoop").random(count) < HOOPED_SHARE,
        "crack": draw("crack").random(count) < CRACKED_SHARE,
        "rust": draw("rust").choice(len(RUST_SHARES), count, p=RUST_SHARES),
        "tilt x": lean * np.cos(towards),
        "tilt y": lean * np.sin(towards),
        "turn": draw("turn").uniform(0, 2 * np.pi, count),
        "shade": draw("shade").uniform(0.85, 1.1, count),
    }
