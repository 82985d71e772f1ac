"""Turns a rendered picture into a photograph."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.dataset.geometry.batches import Rendered
from engine.dataset.scene.camera import SiteCamera
from engine.dataset.scene.description import SiteScene
from engine.dataset.scene.streams import Seed, stream
from engine.dataset.sensor.developing import develop, flight_direction_deg
from engine.dataset.sensor.effects import SensorOptions, draw_effects, seed_of_camera
from engine.dataset.sensor.jpeg import code, encode_jpeg
from engine.dataset.sensor.lens import MIN_K2_RATIO, Lens, apply_lens, lens_of

WARM_UP_PX = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photograph:
    """A photograph: the picture as in the camera's file."""

    rendered: (
        Rendered  # colours with all effects but JPEG; numbers and depth moved by the lens, too
    )
    effects: dict[str, Any] = field(default_factory=dict)
    """The drawn value of each effect, for the manifest; the lens under "lens"."""
    lens: Lens | None = None  # None without effects
    suffix: str = ".png"  # suffix of the picture's file
    content: bytes | None = (
        None  # the file, if an effect made it (JPEG); None: the caller encodes a PNG
    )

    def to_picture(self, pixels: np.ndarray) -> np.ndarray:
        """Move (n, 2) pixels of the pinhole camera to where the lens puts them."""
        return pixels if self.lens is None else self.lens.forward(pixels)


def photograph(
    scene: SiteScene, options: SensorOptions, seed: Seed, render: Callable[[SiteScene], Rendered]
) -> Photograph:
    """Draw the effects, render the scene (with a wider window if the lens needs it), and apply
    them. `seed`: base seed, scene and view; all views have one camera. The same rendered bytes and
    seed give the same bytes with the same versions of NumPy, OpenCV and, for JPEG, simplejpeg and
    Pillow."""
    values = draw_effects(options.camera_effects, seed)
    if not values:
        return Photograph(rendered=render(scene))
    effects: dict[str, Any] = dict(values)
    camera = scene.camera
    if "motion" in values:
        effects["motion_direction_deg"] = flight_direction_deg(seed)
    k2_ratio = round(
        float(stream(seed_of_camera(seed), "camera effect distortion, k2").random()) * MIN_K2_RATIO,
        6,
    )
    lens = lens_of(camera, values.get("distortion", 0.0), values.get("aberration", 0.0), k2_ratio)
    effects["lens"] = lens.as_json()
    if lens.k1 == 0 and lens.red == 1:
        rendered = render(scene)
    else:
        left, top, right, bottom = lens.margins()
        wide = camera.window(
            -left, -top, camera.width_px + left + right, camera.height_px + top + bottom
        )
        rendered = apply_lens(render(replace(scene, camera=wide)), lens, left, top)
    rendered = replace(
        rendered, colors=develop(rendered.colors, rendered.depth_m, camera, values, seed)
    )
    if "jpeg" not in values:
        return Photograph(rendered=rendered, effects=effects, lens=lens)
    content = encode_jpeg(rendered.colors, int(values["jpeg"]), scene, effects)
    return Photograph(rendered=rendered, effects=effects, lens=lens, suffix=".jpg", content=content)


def warm_up() -> None:
    """Import Numba, OpenCV, codecs; load or compile kernels: 0.6 s, first 5 s. Starts no thread:
    forks lack it."""
    import cv2
    import PIL.Image  # noqa: F401  for the metadata

    camera = SiteCamera(width_px=WARM_UP_PX, height_px=WARM_UP_PX)
    shape = (WARM_UP_PX, WARM_UP_PX)
    blank = Rendered(
        colors=np.zeros((*shape, 3), np.uint8),
        instances=np.zeros(shape, np.uint16),
        depth_m=np.ones(shape, np.float32),
        renderer="",
    )
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        moved = apply_lens(blank, lens_of(camera, 1.0, 1.0, 0.0), 0, 0)
        code(develop(moved.colors, moved.depth_m, camera, draw_effects("mild", 0), 0), 90)
    finally:
        cv2.setNumThreads(threads)
