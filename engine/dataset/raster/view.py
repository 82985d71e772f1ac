"""The uniform block `View` of view.glsl, and what the looks of recipe 2 add to shaders."""

from dataclasses import dataclass
from statistics import NormalDist

import moderngl
import numpy as np

from engine.dataset.ground_texture import read_ground_texture
from engine.dataset.light import cloud_map, light_of, period_m
from engine.dataset.raster.device import Device
from engine.dataset.scene.description import GroundLook, SiteScene, Sun

ROWS = 10
PATCH_NOISE_DEVIATION = 0.29  # of the noise of patches in covers.glsl
SPARE_PX = 1024  # margin of a tile's viewport on each side: larger than any triangle in the picture
GRASS_NOISE_DEVIATION = 0.32  # of the grass noise in ground_look.glsl


class GroundCover:
    """Shader defines, samplers and textures of a scene's ground; empty in recipe 1, whose programs
    stay the same."""

    def __init__(
        self, device: Device, look: GroundLook, sun: Sun, *, clouds_unit: int, picture_unit: int
    ) -> None:
        self.ground_defines: tuple[str, ...] = ()
        self.light_defines: tuple[str, ...] = ()
        self.units = {"u_picture": picture_unit, "u_clouds": clouds_unit}
        self._textures: list[tuple[moderngl.Texture, int]] = []
        if look.covers:
            functions = [cover.kind.replace("-", "_") for cover in look.covers]
            self.ground_defines = tuple(
                f"{role} {name}" for role, name in zip(("LOOK", "SECOND"), functions, strict=False)
            )
            if look.grass_share > 0:
                self.ground_defines += ("WEEDS",)
        if look.picture is not None:
            self.ground_defines += ("PICTURE",)
            picture = _tiled_texture(device, read_ground_texture(look.picture), "f2")
            picture.build_mipmaps()
            picture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            self._textures.append((picture, picture_unit))
        if sun.clouds is not None:
            self.light_defines = ("CLOUDS",)
            self._textures.append(
                (_tiled_texture(device, cloud_map(sun.clouds)[..., None], "f4"), clouds_unit)
            )

    def use(self) -> None:
        for texture, unit in self._textures:
            texture.use(unit)


def cover_rows(ground_look: GroundLook, sun: Sun) -> np.ndarray:
    """The rows `u_cover` of view.glsl, (10, 4) float32. Three rows per cover, patches, two of the
    picture, clouds."""
    rows = np.zeros((ROWS, 4), np.float32)
    for index, cover in enumerate(ground_look.covers):
        way = (float(np.cos(cover.heading)), float(np.sin(cover.heading)))
        looks = [
            (*cover.color, cover.share),
            (*cover.accent, cover.contrast),
            (cover.grain_m, *way, 0),
        ]
        rows[3 * index : 3 * index + 3] = looks
    level = NormalDist().inv_cdf(min(max(ground_look.second_share, 1e-3), 0.999))
    rows[6, :2] = ground_look.patch_m, -PATCH_NOISE_DEVIATION * level
    picture = ground_look.picture
    if picture is not None:
        texels = read_ground_texture(picture)
        height_m = picture.size_m * texels.shape[0] / texels.shape[1]
        rows[7] = (1 / picture.size_m, 1 / height_m, texels.shape[1] / picture.size_m, 0)
        rows[8] = (np.cos(picture.turn), np.sin(picture.turn), picture.shift_x, picture.shift_y)
    if sun.clouds is not None:
        rows[9, 0] = 1 / period_m(sun.clouds)
    return rows


def _tiled_texture(device: Device, texels: np.ndarray, dtype: str) -> moderngl.Texture:
    texture = device.texture((texels.shape[1], texels.shape[0]), texels.shape[2], dtype)
    texture.write(np.ascontiguousarray(texels))
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.repeat_x = True
    texture.repeat_y = True
    return texture


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSpace:
    """Bounds of the shadow maps in sheared metres: x and y where the sun's ray through a point
    meets z = 0."""

    west_m: float = 0.0
    south_m: float = 0.0
    width_m: float = 1.0
    height_m: float = 1.0
    shear_x: float = 0.0  # shift of a shadow per metre of height
    shear_y: float = 0.0
    lowest_m: float = 0.0
    highest_m: float = 1.0
    texel_m: float = 1.0
    ground_texel_m: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    scene: SiteScene
    nearest_m: float  # near and far: the range of depths along the camera's axis
    farthest_m: float
    shadow: ShadowSpace = ShadowSpace()
    # left and top of the tile, width and height of the target
    tile_px: tuple[int, int, int, int] = (0, 0, 1, 1)
    plan_pixel_m: float = (
        0.0  # 0 for the camera's picture, else for a plan of the ground, of the camera's size
    )

    def pack(self) -> bytes:
        """The block as 26 rows of 16 bytes, std140."""
        scene = self.scene
        shadow = self.shadow
        camera = scene.camera
        ground_look = scene.ground
        light = light_of(scene.sun, scene.ground)
        rows = [
            (*camera.center_px, camera.focal_px, 0),
            *np.column_stack([camera.rotation, camera.position_m]),
            self.tile_px,
            (
                self.nearest_m,
                self.farthest_m,
                self.plan_pixel_m,
                scene.terrain.side_m + scene.terrain.cell_m,
            ),
            (*scene.sun.direction, 0),
            (*light.sun_rgb, 0),
            (*light.sky_rgb, light.exposure),
            (shadow.west_m, shadow.south_m, 1 / shadow.width_m, 1 / shadow.height_m),
            (shadow.shear_x, shadow.shear_y, shadow.lowest_m, shadow.highest_m),
            (shadow.texel_m, shadow.ground_texel_m, 0, 0),
            (*ground_look.soil, SPARE_PX),
            (*ground_look.subsoil, 0),
            (*ground_look.grass, _grass_threshold(ground_look.grass_share)),
        ]
        seed = np.array([ground_look.noise_seed, 0, 0, 0], np.uint32)
        return (
            np.array(rows, np.float32).tobytes()
            + seed.tobytes()
            + cover_rows(ground_look, scene.sun).tobytes()
        )


def _grass_threshold(fraction: float) -> float:
    """The threshold that normal noise exceeds on this share of the ground; far out for 0 and 1."""
    if not 0 < fraction < 1:
        return 9.0 if fraction <= 0 else -9.0
    return -GRASS_NOISE_DEVIATION * NormalDist().inv_cdf(fraction)
