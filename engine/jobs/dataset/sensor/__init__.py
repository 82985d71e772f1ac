"""Effects of lens, sensor and file on a rendered picture, alike for both engines. START HERE: `photograph`.

options.py     --camera-effects; effects.py: the effects' names, units, ranges and presets
photograph.py  all effects in their order, and the lens that labels need
lens.py        distortion and aberration; moving.py: a picture, its numbers and its depth through the lens
developing.py  haze, exposure, blur, vignette, noise, white balance, tone, sharpening; kernels.py: their arithmetic
curve.py       display values and light; softness.py: weights of blur
jpeg.py        the file; metadata.py: its EXIF and XMP
warm.py        warm_up(): for a process whose forks take the photographs
"""

from engine.jobs.dataset.sensor.photograph import Photograph, photograph, to_picture, to_pinhole
from engine.jobs.dataset.sensor.warm import warm_up

__all__ = ["Photograph", "photograph", "to_picture", "to_pinhole", "warm_up"]
