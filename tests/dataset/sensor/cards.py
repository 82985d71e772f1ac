"""Renderers that draw known test cards in place of a site."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engine.dataset.geometry.batches import Rendered
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene
from engine.dataset.scene.streams import Seed
from engine.dataset.sensor.effects import SensorOptions
from engine.dataset.sensor.photograph import Photograph, photograph
from tests.dataset.raster.geometries import geometry

Render = Callable[[SiteScene], Rendered]
CAMERA = SiteCamera(width_px=160, height_px=120)
SCENE = geometry(camera=CAMERA).scene


def scene_with(camera: SiteCamera) -> SiteScene:
    return replace(SCENE, camera=camera)


def take_photo(
    render: Render, effects: str, *, camera: SiteCamera = CAMERA, seed: Seed = (7, 3)
) -> Photograph:
    """The photograph of a card."""
    return photograph(scene_with(camera), SensorOptions(camera_effects=effects), seed, render)


def card(colors: np.ndarray, depth_m: float | np.ndarray = 100.0) -> Render:
    """A renderer that draws a card of these colours, (h, w, 3), (h, w) or one number, whatever the
    window."""

    def render(scene: SiteScene) -> Rendered:
        shape = (scene.camera.height_px, scene.camera.width_px)
        levels = np.asarray(colors, np.uint8)
        levels = levels[..., None] if levels.ndim < 3 else levels
        return Rendered(
            colors=np.ascontiguousarray(np.broadcast_to(levels, (*shape, 3))),
            instances=np.zeros(shape, np.uint16),
            depth_m=np.ascontiguousarray(np.broadcast_to(np.float32(depth_m), shape)),
            renderer="card",
        )

    return render


def squares(points_m: np.ndarray, half_px: float = 2.5) -> Render:
    """A renderer that draws white squares on black at points of the world, numbered from 1, with
    smooth edges."""

    def render(scene: SiteScene) -> Rendered:
        camera = scene.camera
        colors = np.zeros((camera.height_px, camera.width_px), np.float64)
        instances = np.zeros(colors.shape, np.uint16)
        x, y = np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5
        for number, (column, row) in enumerate(camera.pixel_of(points_m), start=1):
            across = np.clip(half_px + 0.5 - abs(x - column), 0, 1)
            along = np.clip(half_px + 0.5 - abs(y - row), 0, 1)
            colors = np.maximum(colors, np.outer(along, across))
            instances[np.outer(abs(y - row) < half_px, abs(x - column) < half_px)] = number
        depth_m = np.where(instances > 0, 90.0, 100.0).astype(np.float32)
        shades = np.repeat((colors * 255).round().astype(np.uint8)[..., None], 3, axis=2)
        return Rendered(colors=shades, instances=instances, depth_m=depth_m, renderer="squares")

    return render


def light_of(display: np.ndarray) -> np.ndarray:
    """Light that both engines show as this display value of 0..255: their formulas, inverted by a
    table."""
    light = np.linspace(0, 8, 200_001)
    tone = np.clip(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)
    encoded = np.where(tone <= 0.0031308, 12.92 * tone, 1.055 * tone ** (1 / 2.4) - 0.055)
    found: np.ndarray = np.interp(np.asarray(display) / 255, encoded, light)
    return found


def grey_of(light: float) -> int:
    """The grey, 0..255, that shows this light."""
    return int(np.argmin(abs(light_of(np.arange(256)) - light)))
