"""Effects of lens, sensor and file on a rendered picture, alike for both engines. START HERE: `photograph`.

options.py     --camera-effects
photograph.py  all effects in their order, and the lens that labels need
"""

from engine.jobs.dataset.sensor.photograph import Photograph, photograph

__all__ = ["Photograph", "photograph"]
