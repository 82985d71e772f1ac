"""Numbers of a scene with their limits, which msgspec checks when a scene is read from JSON."""

from typing import Annotated

from msgspec import Meta

Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
Whole = Annotated[int, Meta(ge=-(10**6), le=10**6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(ge=0, le=10)]
Slope = Annotated[float, Meta(ge=-3, le=3)]
Turn = Annotated[float, Meta(ge=-720, le=720)]  # degrees
Word = Annotated[int, Meta(ge=0, le=2**32 - 1)]
InstanceNumber = Annotated[int, Meta(ge=1, le=65535)]
"""The largest that a picture can hold; 0, the default of new things, is not written to files."""
ColorFactor = Annotated[float, Meta(ge=0, le=100)]
Tint = tuple[ColorFactor, ColorFactor, ColorFactor]
Rgb = tuple[Share, Share, Share]  # linear light, Rec. 709 primaries.
Points = tuple[tuple[Number, Number], ...]  # metres
