"""Peak limits of a voice before and after conversion. Does not load torch."""

from typing import Final

MAX_PEAK_IN: Final = 0.95  # from RVC: a louder sound is attenuated as a whole
MAX_PEAK_OUT: Final = 0.99


def limiting_gain(peak: float, max_peak: float) -> float:
    """Gain that brings a sound with this peak down to `max_peak`; 1 if it is not louder."""
    return max_peak / peak if peak > max_peak else 1.0
