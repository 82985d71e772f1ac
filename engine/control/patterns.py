"""What a pattern may set, and how many values patterns may set in a second. Pure; time comes in.

`//*` is typed without a thought, and 12 bytes of it stand for every parameter: without the first rule it shrinks
the picture to 64 x 64, starts sinks and models and pulls every trigger; without the second, 2 MB of it, which
the receive buffer holds, keep the OSC thread from `/engine/quit` for half a minute.
"""

from functools import lru_cache

import osc_schema
from engine.osc.decode import shown
from osc_schema import Param, ParamType, Rejected

NAMED_AREAS = osc_schema.FULLY_NAMED
VALUES_A_SECOND = 50_000  # some 0.15 s of the OSC thread's time; a fader on `/layer/*/angle` at 1 kHz needs 4000


@lru_cache(maxsize=1024)
def settable(address: str) -> tuple[Param, ...]:
    """The parameters a pattern sets; none when `address` is no pattern or matches nothing.

    Areas that need their full name (`/engine`, `/sink` ...) and triggers only by a pattern whose first part is plain
    (`/sink/*/enable`). Rejected when nothing else matches, and when the pattern is malformed.
    """
    if not osc_schema.is_pattern(address):
        return ()
    params = osc_schema.match(address)
    area = address.split("/", 2)[1]
    if area and not osc_schema.is_pattern(area):
        return params
    harmless = tuple(param for param in params if param.area not in NAMED_AREAS and param.type is not ParamType.TRIGGER)
    if params and not harmless:
        example = f"/{params[0].area}/*"
        raise Rejected(f"{shown(address)}: patterns set this only with the first part in full, as in {example}")
    return harmless


class PatternLimit:
    """A token bucket for all senders together, full at the start."""

    def __init__(self) -> None:
        self._left = float(VALUES_A_SECOND)
        self._at_s = float("-inf")

    def allows(self, values: int, now_s: float) -> bool:
        """Whether a pattern that stands for so many values is carried out now; counts them when it is."""
        self._left = min(VALUES_A_SECOND, self._left + (now_s - self._at_s) * VALUES_A_SECOND)
        self._at_s = now_s
        if values > self._left:
            return False
        self._left -= values
        return True
