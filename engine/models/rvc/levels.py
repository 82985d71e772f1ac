"""How loud a voice may be on its way in and out. Does not load torch."""

from typing import Final

LOUDEST_IN: Final = 0.95  # RVC: what is louder is turned down as a whole
LOUDEST_OUT: Final = 0.99


def turned_down(peak: float, loudest: float) -> float:
    """What to multiply a sound of this peak with, so that it is at most `loudest`."""
    return loudest / peak if peak > loudest else 1.0
