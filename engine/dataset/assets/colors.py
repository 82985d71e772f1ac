"""Gives each face of a model one colour, of few in all: a drone's pixel is 1 to 4 cm, so a thing
shows few texels."""

from typing import Any

import numpy as np

GREY = 0.4  # albedo of faces without a material
MAX_ALBEDO = 0.9
MAX_TEXTURE_PX = 8192
TEXTURES = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "DDS", "JPEG2000", "PPM", "TGA")
"""Pillow's names of the formats that are decoded. It would start Ghostscript for others."""
MAX_COLORS = 24
_THIRD = 1 / 3
INSIDE = np.array(
    [
        *((_THIRD, _THIRD, _THIRD), (0.1, 0.45, 0.45), (0.45, 0.1, 0.45), (0.45, 0.45, 0.1)),
        *((0.6, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.2, 0.6)),
        *((0.86, 0.07, 0.07), (0.07, 0.86, 0.07), (0.07, 0.07, 0.86)),
    ]
)
"""Places in a triangle, by the weights of its corners, at which its texture is looked up."""


def linear(srgb: np.ndarray) -> np.ndarray:
    """Linear light of sRGB values, (...) 0..1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def srgb_codes(light: np.ndarray) -> np.ndarray:
    """sRGB codes, (...) uint8, of linear light 0..1."""
    light = np.clip(light, 0, 1)
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(curve * 255), np.uint8)


def face_colors(mesh: Any, *, is_gltf: bool) -> tuple[np.ndarray, np.ndarray]:
    """Albedo, (t, 3) linear light, and opacity, (t,), of a trimesh.Trimesh. Only glTF has linear
    colours at corners."""
    visual = mesh.visual
    faces = np.asarray(mesh.faces)
    rgba = np.ones((len(faces), 4))
    if visual.kind == "texture":
        rgba *= _of_material(visual, faces, is_gltf)
        corners = visual.vertex_attributes.get("color")
        if corners is not None and len(corners) == len(mesh.vertices):
            corner_colors = _unit_colors(np.asarray(corners))
            rgba[:, : corner_colors.shape[1]] *= corner_colors[faces].mean(axis=1)
    elif visual.kind == "vertex":
        rgba = _decode(_unit_colors(np.asarray(visual.vertex_colors)), is_gltf)[faces].mean(axis=1)
    elif visual.kind == "face":
        rgba = _decode(_unit_colors(np.asarray(visual.face_colors)), is_gltf)
    else:
        rgba[:, :3] = GREY
    return np.clip(rgba[:, :3], 0, MAX_ALBEDO), rgba[:, 3]


def finish_of(mesh: Any) -> tuple[float, float]:
    """Metalness and roughness of its material; matt if the file does not say."""
    material = getattr(mesh.visual, "material", None)
    metallic, rough = (
        getattr(material, name, None) for name in ("metallicFactor", "roughnessFactor")
    )
    return 0.0 if metallic is None else float(metallic), 1.0 if rough is None else float(rough)


def reduce_colors(albedo: np.ndarray, areas: np.ndarray, most: int = MAX_COLORS) -> np.ndarray:
    """Reduce to at most `most` colours: (t, 3) albedo of each face. Groups are of whole numbers,
    safe from rounding."""
    codes = srgb_codes(albedo)
    colors, owner = np.unique(codes, axis=0, return_inverse=True)
    owner = owner.reshape(-1)
    if len(colors) > most:
        total = max(float(areas.sum()), 1e-12)
        weights = np.bincount(owner, np.rint(areas / total * 1e6) + 1).astype(np.int64)
        groups = _cut(colors.astype(np.int64), weights, most)
        light = linear(colors / 255) * weights[:, None]
        for group in groups:
            colors[group] = srgb_codes(light[group].sum(axis=0) / weights[group].sum())
    return linear(colors / 255)[owner]


def _cut(colors: np.ndarray, weights: np.ndarray, most: int) -> list[np.ndarray]:
    """Index groups of colours: the widest, by its spread and weight, is cut in the middle, again
    and again."""
    groups = [np.arange(len(colors))]
    while len(groups) < most:
        spreads = [np.ptp(colors[group], axis=0) for group in groups]
        worth = [
            int(spread.max()) ** 2 * int(weights[group].sum())
            for spread, group in zip(spreads, groups, strict=True)
        ]
        widest = int(np.argmax(worth))
        if worth[widest] == 0:
            break
        group = groups[widest]
        axis = int(np.argmax(spreads[widest]))
        order = group[np.argsort(colors[group, axis], kind="stable")]
        values = colors[order, axis]
        at = int(np.searchsorted(values, (values[0] + values[-1]) // 2, side="right"))
        groups[widest : widest + 1] = [order[:at], order[at:]]
    return groups


def _of_material(visual: Any, faces: np.ndarray, is_gltf: bool) -> np.ndarray:
    material = visual.material
    if is_gltf:
        base = getattr(material, "baseColorFactor", None)
        image = getattr(material, "baseColorTexture", None)
        factor = np.ones(4) if base is None else np.asarray(base) / 255
    else:
        base = getattr(material, "diffuse", None)
        image = getattr(material, "image", None)
        if base is None:
            base = getattr(material, "main_color", None)
        factor = np.ones(4) if base is None else _decode(np.asarray(base) / 255, False)
    if image is None or visual.uv is None:
        return np.tile(factor, (len(faces), 1))
    if image.format not in (*TEXTURES, "MPO", None):
        raise ValueError(f"a texture in the format {image.format}; save it as JPEG or PNG")
    check_texture(image.size)  # known from its header; nothing is decoded yet
    texels = np.asarray(image.convert("RGBA"))
    high, wide = texels.shape[:2]
    uv = np.asarray(visual.uv, np.float64)[faces]  # (t, 3, 2); v counts from the bottom
    if not np.isfinite(uv).all():
        raise ValueError("places in its texture are not numbers")
    total = np.zeros((len(faces), 4))
    for weights in INSIDE:
        position = np.einsum("k,tkc->tc", weights, uv) % 1.0
        column = np.minimum((position[:, 0] * wide).astype(int), wide - 1)
        row = np.minimum(((1 - position[:, 1]) * high).astype(int), high - 1)
        total += _decode(texels[row, column] / 255, False)
    return factor * total / len(INSIDE)


def check_texture(size_px: tuple[int, int] | None) -> None:
    """ValueError for a picture with too long a side."""
    if size_px is not None and max(size_px) > MAX_TEXTURE_PX:
        size = "x".join(map(str, size_px))
        raise ValueError(
            f"a texture of {size} px; sides of up to {MAX_TEXTURE_PX} px are possible: save it "
            "smaller"
        )


def _decode(rgba: np.ndarray, is_linear: bool) -> np.ndarray:
    """(n, 4) in 0..1, the colours as linear light."""
    return rgba if is_linear else np.concatenate([linear(rgba[..., :3]), rgba[..., 3:]], axis=-1)


def _unit_colors(values: np.ndarray) -> np.ndarray:
    """Colours as 0..1, whatever numbers hold them."""
    if values.dtype.kind in "ui":
        return values / np.iinfo(values.dtype).max
    return np.clip(np.nan_to_num(values.astype(np.float64)), 0, 1)
