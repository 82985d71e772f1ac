"""Additions of recipe 2 to the shaders: the looks of the ground, the user's ground picture, the shadows of clouds."""

from statistics import NormalDist

import moderngl
import numpy as np

from engine.jobs.dataset.clouds import cloud_map, period_m
from engine.jobs.dataset.ground_picture import read_ground_picture
from engine.jobs.dataset.raster.device import Device
from engine.jobs.dataset.scene.description import Cover, GroundLook, Sun

ROWS = 10
PATCH_NOISE_DEVIATION = 0.29  # of the noise of patches in covers.glsl


class GroundCover:
    """Defines, samplers and textures for the programs of a scene; empty in recipe 1, whose programs stay the same."""

    def __init__(self, device: Device, ground: GroundLook, sun: Sun, *, clouds_unit: int, picture_unit: int) -> None:
        self.ground_defines: tuple[str, ...] = ()
        self.ground_units: dict[str, int] = {}
        self.light_defines: tuple[str, ...] = ()
        self.light_units: dict[str, int] = {}
        self._textures: list[tuple[moderngl.Texture, int]] = []
        if ground.covers:
            functions = [cover.kind.replace("-", "_") for cover in ground.covers]
            self.ground_defines = tuple(
                f"{role} {name}" for role, name in zip(("LOOK", "SECOND"), functions, strict=False)
            )
            if ground.grass_share > 0:
                self.ground_defines += ("WEEDS",)
        if ground.picture is not None:
            self.ground_defines += ("PICTURE",)
            self.ground_units = {"u_picture": picture_unit}
            self._textures.append((_picture(device, read_ground_picture(ground.picture)), picture_unit))
        if sun.clouds is not None:
            self.light_defines = ("CLOUDS",)
            self.light_units = {"u_clouds": clouds_unit}
            self._textures.append((_clouds(device, cloud_map(sun.clouds)), clouds_unit))

    def use(self) -> None:
        for texture, unit in self._textures:
            texture.use(unit)


def cover_rows(ground: GroundLook, sun: Sun) -> np.ndarray:
    """`u_cover` of view.glsl: (10, 4) float32. Three rows per cover, patches, two of the picture, clouds."""
    rows = np.zeros((ROWS, 4), np.float32)
    for place, cover in enumerate(ground.covers):
        rows[3 * place : 3 * place + 3] = _cover_row(cover)
    rows[6] = (
        ground.patch_m,
        -PATCH_NOISE_DEVIATION * NormalDist().inv_cdf(min(max(ground.second_share, 1e-3), 0.999)),
        0,
        0,
    )
    if (picture := ground.picture) is not None:
        texels = read_ground_picture(picture)
        height_m = picture.size_m * texels.shape[0] / texels.shape[1]
        rows[7] = (1 / picture.size_m, 1 / height_m, texels.shape[1] / picture.size_m, 0)
        rows[8] = (np.cos(picture.turn), np.sin(picture.turn), picture.shift_x, picture.shift_y)
    if sun.clouds is not None:
        rows[9, 0] = 1 / period_m(sun.clouds)
    return rows


def _cover_row(cover: Cover) -> list[tuple[float, ...]]:
    way = (float(np.cos(cover.heading)), float(np.sin(cover.heading)))
    return [(*cover.color, cover.share), (*cover.accent, cover.contrast), (cover.grain_m, *way, 0)]


def _clouds(device: Device, shares: np.ndarray) -> moderngl.Texture:
    texture = device.texture((shares.shape[1], shares.shape[0]), 1, "f4")
    texture.write(np.ascontiguousarray(shares))
    texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    texture.repeat_x = texture.repeat_y = True
    return texture


def _picture(device: Device, texels: np.ndarray) -> moderngl.Texture:
    texture = device.texture((texels.shape[1], texels.shape[0]), 3, "f2")
    texture.write(np.ascontiguousarray(texels))
    texture.build_mipmaps()
    texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
    texture.repeat_x = texture.repeat_y = True
    return texture
