"""Looks of the ground in recipe 2: one, or two in patches."""

from dataclasses import dataclass, replace

import numpy as np

from engine.errors import UsageError
from engine.jobs.dataset.ground_picture import parse_ground_picture
from engine.jobs.dataset.options import Preset, SceneOptions
from engine.jobs.dataset.scene.description import Cover, CoverKind, GroundLook, GroundPicture
from engine.jobs.dataset.scene.streams import Seed, stream
from engine.jobs.dataset.varied.covers import COVERS, GRASS, draw_color, draw_cover
from engine.jobs.kit.option_range import check_number
from engine.jobs.kit.options import option
from engine.jobs.kit.span import Span, between

Share = tuple[CoverKind, float]

PATCHES_SHARE = 0.35
"""Share of scenes whose ground has a second look in patches."""
SECOND_SHARE: Span = (0.12, 0.5)
PATCH_M: Span = (7.0, 45.0)
WEEDLESS_SHARE = 0.4
"""Share of scenes without tufts of grass on other ground."""
GRASSY_HILLS: Span = (0.3, 0.55)
OF_PRESETS: dict[Preset, CoverKind] = {"loess": CoverKind.LOESS, "hills": CoverKind.RED_EARTH}


def parse_looks(text: str) -> tuple[Share, ...]:
    """`gravel,snow=0.3` -> (("gravel", 1.0), ("snow", 0.3)). UsageError for an unknown look or a wrong share."""
    found: dict[CoverKind, float] = {}
    for part in text.split(","):
        name, equals, share = (word.strip() for word in part.partition("="))
        try:
            kind = CoverKind(name)
        except ValueError:
            raise UsageError(f"--ground {name or text!r}: is no look; there are {', '.join(CoverKind)}") from None
        if kind in found:
            raise UsageError(f"--ground {text}: {name} is there twice")
        try:
            found[kind] = float(share) if equals else 1.0
        except ValueError:
            raise UsageError(f"--ground {part}: {share!r} is not a number; write {name}=0.3") from None
        if not 0 < found[kind] < 1e6:
            raise UsageError(f"--ground {part}: a share is more than 0")
    return tuple(found.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOptions:
    ground: tuple[Share, ...] | None = option(
        None,
        f"Looks to draw from, each with =SHARE if wanted: {', '.join(COVERS)}. (default: all)",
        metavar="NAME,...",
        parse=parse_looks,
    )
    ground_patches: float = option(PATCHES_SHARE, "Share of scenes with a second look in patches.", metavar="0..1")
    ground_texture: tuple[GroundPicture, ...] = option(
        (),
        "A JPEG or PNG tiled over the ground, METRES wide (default: 4); may be repeated. It is the look `picture`.",
        metavar="FILE[,METRES]",
        parse=parse_ground_picture,
    )

    def check(self) -> None:
        """Raise UsageError for an unknown look, and for options that exclude one another."""
        check_number("--ground-patches", self.ground_patches, 0, 1)
        kinds = dict(self.ground or ())
        if CoverKind.PICTURE in kinds and not self.ground_texture:
            raise UsageError("--ground picture: needs --ground-texture FILE")
        if self.ground_texture and self.ground and CoverKind.PICTURE not in kinds:
            raise UsageError("--ground-texture: has no effect, since --ground does not name the look `picture`; add it")


def draw_ground(options: SceneOptions, ground: GroundOptions, seed: Seed) -> GroundLook:
    """Draw the look of the ground: hue, saturation and brightness independent of one another and of exposure."""
    shares = _shares(options.geological_preset, ground)
    draw = stream(seed, "ground looks")
    first_at, second_at, is_patched, second_share, patch_m = draw.random(5).tolist()
    first = _pick(shares, first_at)
    others = tuple(each for each in _partners(ground, shares) if each[0] not in (first, CoverKind.PICTURE))
    kinds = [first]
    if is_patched < ground.ground_patches and others:
        kinds.append(_pick(others, second_at))
    drawn = [_draw_one(kind, seed) for kind in kinds]
    covers = tuple(cover for cover, _ in drawn)
    plants = stream(seed, "ground plants")
    weeds_at, is_weedless = plants.random(2).tolist()
    weeds = between(COVERS[first].weeds, weeds_at) if first in COVERS else 0.0
    if options.geological_preset == "hills" and ground.ground is None:
        weeds, is_weedless = between(GRASSY_HILLS, weeds_at), 1.0
    return GroundLook(
        soil=covers[0].color,
        subsoil=drawn[0][1],
        grass=draw_color(GRASS, plants),
        grass_share=0.0 if is_weedless < WEEDLESS_SHARE else weeds,
        noise_seed=int(stream(seed, "ground noise").integers(2**32)),
        covers=covers,
        second_share=between(SECOND_SHARE, second_share) if len(covers) > 1 else 0.0,
        patch_m=between(PATCH_M, patch_m),
        picture=_placed_picture(ground.ground_texture, seed) if first is CoverKind.PICTURE else None,
    )


def _shares(preset: Preset | None, ground: GroundOptions) -> tuple[Share, ...]:
    if ground.ground is not None:
        return ground.ground
    if ground.ground_texture:
        return ((CoverKind.PICTURE, 1.0),)
    if preset is not None:
        return ((OF_PRESETS[preset], 1.0),)
    return tuple((kind, 1.0) for kind in COVERS)


def _partners(ground: GroundOptions, shares: tuple[Share, ...]) -> tuple[Share, ...]:
    """Looks for the patches: the same ones if several were named, else any."""
    return shares if len(shares) > 1 else tuple((kind, 1.0) for kind in COVERS)


def _pick(shares: tuple[Share, ...], at: float) -> CoverKind:
    left = at * sum(share for _, share in shares)
    for kind, share in shares:
        left -= share
        if left < 0:
            return kind
    return shares[-1][0]


def _draw_one(kind: CoverKind, seed: Seed) -> tuple[Cover, tuple[float, float, float]]:
    draw = stream(seed, f"ground {kind}")
    if kind is not CoverKind.PICTURE:
        return draw_cover(kind, draw)
    cover, earth = draw_cover(CoverKind.LOESS, draw)
    return replace(cover, kind=kind), earth


def _placed_picture(pictures: tuple[GroundPicture, ...], seed: Seed) -> GroundPicture:
    draw = stream(seed, "ground picture")
    which, turn, shift_x, shift_y = draw.random(4).tolist()
    return replace(pictures[int(which * len(pictures))], turn=2 * float(np.pi) * turn, shift_x=shift_x, shift_y=shift_y)
