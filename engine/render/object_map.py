"""Map of the visible object at each pixel of a small picture. OpenCV; not for the render thread.

`found.masks` are scaled bilinearly and then thresholded at one half. The other order would give jagged edges.
"""

import cv2
import numpy as np

from engine.values import Segmentation


def small_size(picture_px: tuple[int, int], widest_px: int) -> tuple[int, int]:
    """Width and height with these proportions, `widest_px` wide at most."""
    width, height = picture_px
    if width <= widest_px:
        return width, height
    return widest_px, max(1, round(height * widest_px / width))


def objects_seen(found: Segmentation, widest_px: int) -> np.ndarray:
    """(height, width) uint8 in the proportions of the picture: 0 for none, else 1 + index in `found.objects`.

    The first of overlapping objects wins.
    """
    size_px = small_size(found.picture_px, widest_px)
    seen = np.zeros(size_px[::-1], np.uint8)
    for place in range(len(found.objects) - 1, -1, -1):
        scaled = cv2.resize(found.masks[place], size_px, interpolation=cv2.INTER_LINEAR)
        # 255 inside, 0 outside. As integers, above 127.5 means at least 128.
        inside = cv2.compare(scaled, 127, cv2.CMP_GT)  # type: ignore[call-overload]  # it takes a number, too
        seen = (seen & ~inside) | (inside & (1 + place))
    return seen
