"""Sizes and finishes of each kind of pile, and what a site chooses from them."""

from dataclasses import dataclass

from engine.jobs.dataset.options import Preset
from engine.jobs.dataset.scene.pile_looks import FootKind, PaintColor
from engine.jobs.dataset.scene.things import PileKind
from engine.jobs.dataset.varied.shares import Shares
from engine.jobs.kit.span import Span

Sizes = tuple[tuple[float, float], ...]
"""Diameters in metres and their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PileType:
    share: float
    """Share of sites on which it is the usual kind."""
    diameters_m: Sizes
    exposed_m: Span
    """For a block; single piles differ by a little."""
    shade: Span
    """Brightness against the surface's own, of a block."""
    flanged: float = 0.0
    """Share of blocks with flanges."""
    rusty: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)
    """Weights of the grades of rust 0 to 3."""
    slender: Span = (1.0, 1.0)
    """A section's width by its depth."""


TYPES: dict[PileKind, PileType] = {
    PileKind.PHC: PileType(
        share=0.30,
        diameters_m=((0.3, 0.24), (0.4, 0.34), (0.5, 0.26), (0.6, 0.13), (0.8, 0.03)),
        exposed_m=(0.4, 2.5),
        shade=(0.45, 1.45),
        rusty=(0.25, 0.35, 0.3, 0.1),
    ),
    PileKind.SPIRAL_STEEL: PileType(
        share=0.11,
        diameters_m=((0.076, 0.35), (0.089, 0.2), (0.114, 0.3), (0.159, 0.15)),
        exposed_m=(0.2, 2.2),
        shade=(0.6, 1.5),
        flanged=0.75,
        rusty=(0.55, 0.25, 0.15, 0.05),
    ),
    PileKind.CAST_IN_PLACE: PileType(
        share=0.23,
        diameters_m=((0.3, 0.26), (0.4, 0.24), (0.5, 0.17), (0.6, 0.16), (0.8, 0.1), (1.0, 0.04), (1.2, 0.03)),
        exposed_m=(0.2, 1.8),
        shade=(0.4, 1.4),
    ),
    PileKind.STEEL_TUBE: PileType(
        share=0.16,
        diameters_m=((0.076, 0.1), (0.114, 0.16), (0.168, 0.22), (0.219, 0.24), (0.273, 0.16), (0.325, 0.12)),
        exposed_m=(0.4, 2.5),
        shade=(0.5, 1.5),
        flanged=0.35,
        rusty=(0.35, 0.2, 0.3, 0.15),
    ),
    PileKind.H_SECTION: PileType(
        share=0.11,
        diameters_m=((0.12, 0.2), (0.15, 0.35), (0.2, 0.3), (0.25, 0.1), (0.3, 0.05)),
        exposed_m=(0.8, 2.5),
        shade=(0.7, 1.5),
        rusty=(0.6, 0.2, 0.15, 0.05),
        slender=(0.5, 1.0),
    ),
    PileKind.C_SECTION: PileType(
        share=0.09,
        diameters_m=((0.1, 0.2), (0.12, 0.25), (0.15, 0.3), (0.2, 0.25)),
        exposed_m=(0.8, 2.5),
        shade=(0.8, 1.5),
        rusty=(0.85, 0.1, 0.05, 0.0),
        slender=(0.35, 0.6),
    ),
}
ALIASES = {
    "phc": PileKind.PHC,
    "screw": PileKind.SPIRAL_STEEL,
    "cast": PileKind.CAST_IN_PLACE,
    "tube": PileKind.STEEL_TUBE,
    "h": PileKind.H_SECTION,
    "c": PileKind.C_SECTION,
}
"""Names of the kinds on the command line."""
FAVOURED: dict[Preset, tuple[str, float]] = {"loess": ("screw", 0.7), "hills": ("phc", 0.6)}

FEET: Shares = (
    (FootKind.NONE.value, 0.40),
    (FootKind.SPOIL.value, 0.18),
    (FootKind.HOLE.value, 0.10),
    (FootKind.GROUT.value, 0.12),
    (FootKind.MUD.value, 0.10),
    (FootKind.PAD.value, 0.10),
)
FOOT_NAMES = tuple(name for name, _ in FEET)
PAINTS: Shares = (
    (PaintColor.RED.value, 0.35),
    (PaintColor.ORANGE.value, 0.2),
    (PaintColor.BLUE.value, 0.12),
    (PaintColor.WHITE.value, 0.13),
    (PaintColor.YELLOW.value, 0.12),
    (PaintColor.GREEN.value, 0.08),
)
CAP_COLORS: Shares = (
    (PaintColor.BLACK.value, 0.3),
    (PaintColor.ORANGE.value, 0.2),
    (PaintColor.RED.value, 0.15),
    (PaintColor.BLUE.value, 0.15),
    (PaintColor.YELLOW.value, 0.12),
    (PaintColor.WHITE.value, 0.08),
)


def kind_shares(preset: Preset | None) -> Shares:
    """Weights of the kinds on a site. A preset fixes the kind it favours; the others keep their proportion."""
    shares = {name: TYPES[kind].share for name, kind in ALIASES.items()}
    if preset is not None:
        favoured, share = FAVOURED[preset]
        rest = sum(shares.values()) - shares[favoured]
        shares = {name: share if name == favoured else own * (1 - share) / rest for name, own in shares.items()}
    return tuple(shares.items())
