"""Measures clicks in a sound."""

import numpy as np


def click_db(sound: np.ndarray) -> float:
    """The largest second difference of `sound` (frames,), in dB of full scale. A jump by half of
    full scale is -6 dB; a tone of amplitude A and frequency f has A (2 pi f / rate)^2: -69 dB for
    200 Hz at 0.5 and 48 kHz."""
    return float(20.0 * np.log10(np.abs(np.diff(sound.astype(np.float64), 2)).max() + 1e-12))
