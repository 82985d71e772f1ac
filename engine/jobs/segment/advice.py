"""Advice for a slow run: the option that would make it faster."""

COARSEST_PX = 336
SLOW_S = 2.0  # per picture: then a minute of video takes an hour
SHARE_OF_WORK = {1008: "a tenth", 672: "a quarter"}  # at COARSEST_PX, as models/segmentation/shapes.py counts it


def coarser_look(resolution: int, device_kind: str, picture_s: float) -> str | None:
    """One line of advice for a slow CPU, or None. `picture_s`: seconds per picture."""
    share = SHARE_OF_WORK.get(resolution)
    if device_kind != "cpu" or share is None or picture_s <= SLOW_S:
        return None
    slow = f"{resolution} px take {picture_s:.1f} s a picture on this CPU"
    return f"{slow}; --resolution {COARSEST_PX} is {share} of the work"
