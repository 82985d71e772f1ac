"""Random changes of crops while training, as trainers make them (Ultralytics changes hue, saturation and brightness by
default, Albumentations also blurs and adds noise). They stand for cameras and weather that no training picture shows.
"""

import numpy as np

GAIN, CONTRAST, TINT = 0.3, 0.2, 0.08
"""Largest changes: brightness as a power of e, the others as a share."""
SATURATION = (0.5, 1.3)
BLURRED_SHARE, BLUR_PX = 0.2, (0.4, 2.0)
NOISY_SHARE, NOISE = 0.2, 0.03
"""Highest standard deviation of the noise, of 1."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def recolored(crop: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Another brightness, contrast, tint, saturation; sometimes blur and noise. (h, w, 3) float32 0..1, a new array."""
    import cv2

    gain = np.exp(GAIN * draw.uniform(-1, 1)) * (1 + TINT * draw.uniform(-1, 1, 3))
    contrast, saturation = 1 + CONTRAST * draw.uniform(-1, 1), draw.uniform(*SATURATION)
    changing = saturation * np.eye(3) + (1 - saturation) * np.ones((3, 1)) * LUMA  # (3, 3): from RGB to RGB
    changing = (contrast * gain[:, None] * changing).astype(np.float32)
    middle = float(crop.mean()) * (1 - contrast)
    crop = crop @ changing.T + np.float32(middle)
    if draw.random() < BLURRED_SHARE:
        crop = cv2.GaussianBlur(crop, (0, 0), draw.uniform(*BLUR_PX))
    if draw.random() < NOISY_SHARE:
        crop = crop + np.float32(draw.uniform(0, NOISE)) * draw.standard_normal(crop.shape, np.float32)
    clipped: np.ndarray = np.clip(crop, 0, 1, dtype=np.float32)
    return clipped
