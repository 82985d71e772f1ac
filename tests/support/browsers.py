"""The Chromium builds that tests of pages use, and what they show."""

import os
import shutil
from typing import Any

import numpy as np

CHROMIUM = shutil.which("chromium") if os.name == "posix" else None
"""The full browser, as users have it."""
SHELL = (shutil.which("chromium-headless-shell") or CHROMIUM) if os.name == "posix" else None
"""The headless shell, if it is installed: half the work, but it does not draw at a display's
regular rate."""


def canvas_mean(page: Any, name: str) -> np.ndarray:
    """Mean of red, green and blue on this canvas, 0..255."""
    return np.array(
        page.evaluate(
            """(name) => {
                const canvas = document.getElementById(name);
                const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                const sums = [0, 0, 0];
                for (let at = 0; at < data.length; at += 1) if (at % 4 < 3) sums[at % 4] += data[at];
                return sums.map((sum) => sum / (data.length / 4));
            }""",
            name,
        )
    )
