"""The plain look, and short ways to write another as changes against it. Pure."""

import osc_schema
from osc_schema import Param
from osc_schema.fx import FALLBACK, GENERATOR, alias_address, file_address
from osc_schema.look_changes import DARK_LIGHT, Look, layers, route


def shader(slot: str, name: str, *positions: float) -> Look:
    """A shader, with its inputs 0..1 over their ranges in the order of its file; colours of the palette not counted.

    All inputs must be given: a preset sets every alias, so that none is left at the shader's own default.
    """
    aliases = {alias_address(slot, n): position for n, position in enumerate(positions, 1)}
    return {file_address(slot): name, **aliases}


def generator_only(name: str, *positions: float, fallback: str) -> Look:
    """A generator that covers the picture. `fallback`: the look that holds it where the shader is too slow."""
    return {**covered(fallback), **shader(GENERATOR, name, *positions)}


def covered(fallback: str) -> Look:
    """No layers, since a generator covers them. `fallback`: as in `generator_only`."""
    return {FALLBACK: fallback, **layers("intensity", 0.0)}


_PICTURE_AREAS = frozenset({"multiverse", "colour", "layer", "feedback", "mirror", "post", "fx", "mod", "lfo"})
_OF_THE_STAGE = frozenset({"alpha", "mute", "solo"})


def _is_picture(param: Param) -> bool:
    """True for what a look sets: not layer 5 and what is switched during a show."""
    parts = param.address.split("/")[1:]
    return parts[0] in _PICTURE_AREAS and parts[:2] != ["layer", "5"] and parts[-1] not in _OF_THE_STAGE


PLAIN: Look = {param.address: param.default for param in osc_schema.DECLARED if _is_picture(param)}
"""Four plain waves added up, without movement."""

DARK_AND_SLOW: Look = {**DARK_LIGHT, "/lfo/1/rate_hz": 0.013, "/lfo/2/rate_hz": 0.021, "/lfo/3/rate_hz": 0.017}
"""Besides, three slow waves that never meet again in the same place."""


def on_drums(target: str, kick: float, low: float) -> Look:
    """Routes 1 and 2: the hit of the kick, and the bass of channel 1 (the drums), so that loud hits count more."""
    return {
        **route(1, "kick", target, kick, release_ms=90.0),
        **route(2, "low", target, low, channel=1, curve=0.5, release_ms=80.0),
    }
