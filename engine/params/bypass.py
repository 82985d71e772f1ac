"""Replaces shaders that the engine has bypassed in the values to draw; the store keeps what the
performer set.

A bypassed effect is left out. A generator covers the layers, so it is replaced by another look
without shaders (`/fx/fallback`), drawn in the palette of the first, with its effects; layer 5 stays
covered.
"""

from typing import Final

from engine.params.looks import LOOKS
from engine.params.store import Snapshot
from osc_schema import Value
from osc_schema.fx import FALLBACK, GENERATOR, OWN_LAYERS, enable_address, file_address
from osc_schema.modulation import ROUTES

COVERS_FROM: Final = 0.5
"""Mix of the generator; below it the layers are visible anyway, and are drawn alone."""
_PICTURE: Final = (
    "/multiverse/",
    "/colour/",
    "/layer/",
    "/feedback/",
    "/mirror/",
    "/post/",
    "/fx/",
    "/lfo/",
)
_UNTOUCHED: Final = ("/fx/", "/colour/palette", "/text/", "/mod/")
_COVERED: Final = {
    "/layer/5/intensity": 0.0,
    **{f"/layer/{n}/{part}": False for n in range(1, 5) for part in ("mute", "solo")},
}
_LOOKS: Final = {name.lower(): look for name, look in LOOKS.items()}


class Bypass:
    """The bypassed slots, and the values drawn without them. Render thread, except `apply`."""

    def __init__(self) -> None:
        self.slots: frozenset[str] = frozenset()
        self._last: tuple[Snapshot, frozenset[str], Snapshot] | None = None

    def begin(self, slot: str) -> None:
        self.slots |= {slot}

    def end(self, slot: str) -> None:
        self.slots -= {slot}

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """The values to draw with. Returns `snapshot` itself while none of its slots is bypassed,
        and the same object for repeated arguments. Any thread."""
        last = self._last
        slots = self.slots
        if last is not None and last[0] is snapshot and last[1] == slots:
            return last[2]
        result = _without_bypassed(
            snapshot, frozenset(slot for slot in slots if snapshot[file_address(slot)])
        )
        self._last = snapshot, slots, result
        return result


def _without_bypassed(snapshot: Snapshot, bypassed: frozenset[str]) -> Snapshot:
    if not bypassed:
        return snapshot
    values = snapshot.to_dict()
    if (
        GENERATOR in bypassed
        and snapshot[enable_address(GENERATOR)]
        and snapshot.number(f"/fx/{GENERATOR}/mix") >= COVERS_FROM
        and snapshot[FALLBACK] != OWN_LAYERS
    ):
        values |= fallback_of(snapshot)
    values |= {enable_address(slot): False for slot in bypassed}
    return Snapshot(values, snapshot.version)


def fallback_of(snapshot: Snapshot) -> dict[str, Value]:
    """The values of the look that this one names as its fallback. Routes to parameters outside the
    picture stay."""
    named = _LOOKS[str(snapshot[FALLBACK])]
    look = _LOOKS[str(named[FALLBACK])] if named[file_address(GENERATOR)] else named
    values = {
        address: value for address, value in look.items() if not address.startswith(_UNTOUCHED)
    }
    for n in ROUTES:
        target = str(snapshot[f"/mod/{n}/target"])
        if not target or target.startswith(_PICTURE):
            values |= {
                address: value
                for address, value in look.items()
                if address.startswith(f"/mod/{n}/")
            }
    return values | _COVERED
