"""Prepares a frame's waves for interpolation, so that the renderers only look up, multiply and add."""

import numpy as np

from engine.render.look import Look
from engine.values import CHANNELS, WAVE_POINTS

TABLE_POINTS = WAVE_POINTS + 1  # index 1024 can be reached exactly at the turning point of a mirrored wave


def bake_waves(look: Look, waves: np.ndarray) -> np.ndarray:
    """(4, 1025, 2) float32: brightness before clamping at each point, and the step from it to the next.

    Brightness is (bias + (1 - bias) a) intensity. It is linear in the wave a, so it can be computed before
    interpolation; the clamp to 0..1 is not, so the renderer does it. The last point is followed by the first if the
    wave repeats, or by itself if it is mirrored. Source: spec, "One layer", steps 4 and 5.
    """
    intensities = np.array([[layer.intensity] for layer in look.layers], np.float32)
    table = np.empty((CHANNELS, TABLE_POINTS, 2), np.float32)
    table[:, :WAVE_POINTS, 0] = (look.bias + (1 - look.bias) * waves) * intensities
    for channel, layer in enumerate(look.layers):
        table[channel, WAVE_POINTS, 0] = table[channel, WAVE_POINTS - 1 if layer.is_mirrored else 0, 0]
    table[:, :WAVE_POINTS, 1] = table[:, 1:, 0] - table[:, :WAVE_POINTS, 0]
    for channel, layer in enumerate(look.layers):
        table[channel, WAVE_POINTS, 1] = 0.0 if layer.is_mirrored else table[channel, 0, 1]
    return table
