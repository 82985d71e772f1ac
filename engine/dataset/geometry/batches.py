"""The geometry that every renderer takes: meshes, and the transforms of their instances."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.dataset.scene.description import SiteScene


class Surface(StrEnum):
    CONCRETE = "concrete"
    DARK = "dark"  # holes, cracks, the inside of tubes
    STEEL = "steel"
    RUST = "rust"
    BAG = "bag"
    YELLOW_PAINT = "yellow_paint"
    DARK_PAINT = "dark_paint"  # counterweights, grilles, walkways
    BLACK_RUBBER = "black_rubber"
    GLASS = "glass"
    SPOIL = "spoil"  # excavated earth
    TIMBER = "timber"
    PAINT = "paint"  # whitish; the tint makes its colour. The same for CLOTH.
    SPRAY = "spray"  # white paint sprayed on piles: the instance's tint is its colour
    MUD = "mud"  # white and wet: the instance's tint is its colour
    CLOTH = "cloth"
    LEAF = "leaf"
    BARK = "bark"
    WATER = "water"
    DARK_SOIL = (
        "dark_soil"  # wet or shaded earth; SPOIL and DARK_SOIL take the colour of the ground
    )
    MODULE = "module"  # the glass of a solar module
    # a model of the user's, white: the instance's tint is its colour. The same for the next two.
    MODEL = "model"
    SHINY_MODEL = "shiny_model"
    METAL_MODEL = "metal_model"


@dataclass(frozen=True, slots=True)
class SurfaceLook:
    """Material of a surface. Colours are linear light, Rec. 709 primaries."""

    albedo: tuple[float, float, float]
    roughness: float
    metallic: float = 0.0
    mottle: float = 0.0  # 0..1: how much the brightness varies from spot to spot
    mottle_m: float = 0.1  # size of the spots
    cleanness: float = 0.0  # 0..1: 1 for a surface on which no dust of the site shows
    takes_tint: bool = False  # True if it takes the tint of a distractor


LOOKS = {
    Surface.CONCRETE: SurfaceLook(
        (0.52, 0.50, 0.46), 0.85, mottle=0.22, mottle_m=0.08, takes_tint=True
    ),
    Surface.DARK: SurfaceLook((0.02, 0.02, 0.02), 1.0),
    Surface.STEEL: SurfaceLook((0.45, 0.46, 0.47), 0.45, metallic=0.6, mottle=0.1, mottle_m=0.05),
    Surface.RUST: SurfaceLook((0.22, 0.09, 0.04), 0.9, mottle=0.5, mottle_m=0.05),
    Surface.BAG: SurfaceLook((0.75, 0.75, 0.72), 0.7, mottle=0.1, mottle_m=0.3, takes_tint=True),
    Surface.YELLOW_PAINT: SurfaceLook(
        (0.68, 0.40, 0.02), 0.4, mottle=0.15, mottle_m=0.6, takes_tint=True
    ),
    Surface.DARK_PAINT: SurfaceLook((0.07, 0.07, 0.07), 0.6, mottle=0.2, mottle_m=0.4),
    Surface.BLACK_RUBBER: SurfaceLook((0.03, 0.03, 0.03), 0.9, mottle=0.3, mottle_m=0.2),
    Surface.GLASS: SurfaceLook((0.05, 0.08, 0.10), 0.1, metallic=0.2),
    Surface.SPOIL: SurfaceLook((0.24, 0.17, 0.11), 1.0, mottle=0.4, mottle_m=0.15),
    Surface.TIMBER: SurfaceLook((0.30, 0.20, 0.11), 0.9, mottle=0.3, mottle_m=0.1, takes_tint=True),
    Surface.SPRAY: SurfaceLook((1.0, 1.0, 1.0), 0.6, mottle=0.2, mottle_m=0.06),
    Surface.MUD: SurfaceLook((1.0, 1.0, 1.0), 0.45, mottle=0.35, mottle_m=0.2),
    Surface.PAINT: SurfaceLook((0.80, 0.80, 0.80), 0.4, mottle=0.08, mottle_m=0.5, takes_tint=True),
    Surface.CLOTH: SurfaceLook((0.80, 0.80, 0.80), 0.9, mottle=0.2, mottle_m=0.12, takes_tint=True),
    Surface.LEAF: SurfaceLook((0.10, 0.15, 0.04), 0.8, mottle=0.4, mottle_m=0.2, takes_tint=True),
    Surface.BARK: SurfaceLook(
        (0.14, 0.105, 0.075), 1.0, mottle=0.35, mottle_m=0.08, takes_tint=True
    ),
    Surface.WATER: SurfaceLook(
        (0.07, 0.065, 0.055),
        0.06,
        metallic=0.35,
        mottle=0.1,
        mottle_m=0.6,
        cleanness=1.0,
        takes_tint=True,
    ),
    Surface.DARK_SOIL: SurfaceLook((0.24, 0.17, 0.11), 0.9, mottle=0.3, mottle_m=0.2),
    Surface.MODULE: SurfaceLook(
        (0.014, 0.02, 0.05), 0.12, mottle=0.06, mottle_m=0.3, cleanness=0.85
    ),
    Surface.MODEL: SurfaceLook((1.0, 1.0, 1.0), 0.75, mottle=0.08, mottle_m=0.3, cleanness=0.5),
    Surface.SHINY_MODEL: SurfaceLook(
        (1.0, 1.0, 1.0), 0.3, mottle=0.06, mottle_m=0.4, cleanness=0.5
    ),
    Surface.METAL_MODEL: SurfaceLook(
        (1.0, 1.0, 1.0), 0.4, metallic=0.6, mottle=0.08, mottle_m=0.2, cleanness=0.5
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mesh:
    """Triangles, counter-clockwise seen from outside."""

    positions: np.ndarray  # (v, 3) float32, metres
    normals: np.ndarray  # (v, 3) float32, unit length; a vertex is repeated for each of its normals
    triangles: np.ndarray  # (t, 3) uint32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstanceBatch:
    """k instances of one mesh and surface."""

    name: str
    mesh: Mesh
    surface: Surface
    # (k, 4, 4) float32 for column vectors, object to world; scales may differ, never mirrors
    transforms: np.ndarray
    # (k,) uint16: instance number of the thing, from 1; 0 for things without one
    instances: np.ndarray
    tints: np.ndarray  # (k, 3) float32: factors for the albedo
    is_soil: bool = False  # True for loose soil, which does not darken the terrain at its foot


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneGeometry:
    """A scene ready to draw. The terrain is a separate mesh: its look comes from `scene.ground`,
    tracks and lines."""

    scene: SiteScene
    terrain: Mesh
    batches: tuple[InstanceBatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendered:
    """Arrays of a picture; row 0 is the top (north)."""

    colors: np.ndarray  # (height, width, 3) uint8, sRGB
    # (height, width) uint16: number of the pile at the centre of the pixel, from 1; 0 for none
    instances: np.ndarray
    # (height, width) float32: distance of that point along the camera's axis; infinite for nothing
    depth_m: np.ndarray
    renderer: str  # name and version of the renderer, for the manifest
