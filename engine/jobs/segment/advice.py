"""Advice for a slow run: an option that makes it faster."""

COARSEST_PX = 336
SLOW_S = 2.0  # per picture; a minute of video then takes an hour
SHARE_OF_WORK = {1008: "a tenth", 672: "a quarter"}  # at COARSEST_PX; computed with models/sam3/shapes.py


def coarser_look(resolution: int, device_kind: str, picture_s: float) -> str | None:
    """One line of advice for a slow CPU, or None. `picture_s`: seconds per picture."""
    share = SHARE_OF_WORK.get(resolution)
    if device_kind != "cpu" or share is None or picture_s <= SLOW_S:
        return None
    slow = f"{resolution} px take {picture_s:.1f} s a picture on this CPU"
    return f"{slow}; --resolution {COARSEST_PX} is {share} of the work"
