"""What is said of a run that an option would make quicker."""

COARSEST_PX = 336
SLOW_S = 2.0  # a picture: a minute of video takes an hour then
SHARE_OF_WORK = {1008: "a tenth", 672: "a quarter"}  # at COARSEST_PX, as models/segmentation/shapes.py counts it


def coarser_look(resolution: int, device_kind: str, picture_s: float) -> str | None:
    """One line for `picture_s` seconds a picture on a CPU; None where it is quick, elsewhere and at COARSEST_PX."""
    share = SHARE_OF_WORK.get(resolution)
    if device_kind != "cpu" or share is None or picture_s <= SLOW_S:
        return None
    slow = f"{resolution} px take {picture_s:.1f} s a picture on this CPU"
    return f"{slow}; --resolution {COARSEST_PX} is {share} of the work"
