"""How loud a voice may be on its way in and out. Does not load torch."""

from typing import Final

MAX_PEAK_IN: Final = 0.95  # RVC: what is louder is turned down as a whole
MAX_PEAK_OUT: Final = 0.99


def limiting_gain(peak: float, loudest: float) -> float:
    """What to multiply a sound of this peak with, so that it is at most `loudest`."""
    return loudest / peak if peak > loudest else 1.0
