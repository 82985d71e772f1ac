"""Rules for address patterns that set values: which parameters they match, and how many values a second they may set.

`//*` is quickly typed, and its 12 bytes match every parameter. Without the first rule it would shrink the picture to
64 x 64, start sinks and models and pull every trigger. Without the second, a receive buffer full of it (2 MB) would
delay a `/engine/quit` by half a minute.
"""

from functools import lru_cache

import osc_schema
from engine.osc.decode import shown
from engine.system.token_bucket import TokenBucket
from osc_schema import Param, ParamType, Rejected

NAMED_AREAS = osc_schema.FULLY_NAMED
VALUES_A_SECOND = 50_000  # about 0.15 s of the OSC thread's time; a fader on `/layer/*/angle` at 1 kHz needs 4000


@lru_cache(maxsize=1024)
def settable(address: str) -> tuple[Param, ...]:
    """The parameters that a pattern may set; none if `address` is not a pattern or matches nothing.

    Protected areas (`/engine`, `/sink` ...) and triggers are set only by a pattern whose first part has no wildcard
    (`/sink/*/enable`). Raises Rejected if a pattern matches nothing else, and if it is malformed.
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


def limit_of_values() -> TokenBucket:
    """The rate limit for values set by patterns, shared by all senders."""
    return TokenBucket(VALUES_A_SECOND, VALUES_A_SECOND)
