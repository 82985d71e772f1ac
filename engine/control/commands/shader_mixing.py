"""The shader slots of a frame, from the shaders of one look or of the two of a dissolve. Pure.

If both looks of a dissolve have the same shaders in all slots, each is drawn once, with inputs
between those of both looks (`morph_shaders`). Else each look has its own, so a slot has two render
slots, `1` and `1-`, told apart by a suffix (`dissolve_shaders`).

Inputs that cannot be interpolated, switches and menus, are not smoothed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from engine.control.commands.shader_slots import PlayingShader
from engine.params import Snapshot
from engine.params.shader_inputs import InputValue, ShaderInput, inputs_of
from engine.render.colour import shader_colours
from engine.render.isf.isf_file import SECOND_SUFFIX, IsfFile, IsfInput, ShaderSlot
from engine.values import item_weights
from osc_schema import fx

_MIXED: Final = ("float", "point2D", "color")
_QUALITY_STEPS: Final = 16.0  # of an input `quality` from 0 to 1: each value allocates targets


def prepared_slot(slot: str, file: IsfFile) -> ShaderSlot:
    """The slot of a shader that is not yet on screen, with the default of each input."""
    inputs = {each.name: each.value_at(each.default) for each in inputs_of(slot, file.inputs)[0]}
    return ShaderSlot(
        slot=slot,
        file=file,
        inputs=inputs,
        mix=1.0,
    )


def slot_of(
    slot: str,
    shader: PlayingShader,
    values: Mapping[str, Any],
    snapshot: Snapshot,
    moved: Mapping[str, float],
    *,
    clock: tuple[float, float],
    quality: float = 1.0,
) -> ShaderSlot:
    """The slot of a shader that plays with these values; arguments as of `ShaderPlayer.shaders`.
    `quality`: factor."""
    inputs: dict[str, InputValue] = {}
    for each in shader.inputs:
        if is_mixed(each):
            positions = [values[alias] for alias in each.aliases]
        else:
            positions = [moved.get(alias, snapshot.number(alias)) for alias in each.aliases]
        inputs[each.name] = each.value_at(positions)
    colours: tuple[InputValue, ...] = ()
    for fed in shader.file.inputs:
        if fed.type == "color" and fed.name in fx.PALETTE_INPUTS:
            palette = item_weights(values["/colour/palette"])
            colours = colours or shader_colours(palette, values["/colour/shift"])
            inputs[fed.name] = colours[fx.PALETTE_INPUTS.index(fed.name)]
        elif fed.type == "float" and fed.name in (fx.BEATS, fx.BPM):
            inputs[fed.name] = clock[fed.name == fx.BPM]
        elif fed.type == "float" and fed.name == fx.QUALITY:
            inputs[fed.name] = _reduced_quality(fed, inputs.get(fed.name, fed.default), quality)
    mix = values.get(f"/fx/{slot}/mix", 0.0)
    return ShaderSlot(
        slot=slot,
        file=shader.file,
        inputs=inputs,
        mix=mix,
    )


def is_same(before: Mapping[str, ShaderSlot], now: Mapping[str, ShaderSlot]) -> bool:
    """True if two looks have the same shaders in the same slots, and any."""
    if not now or before.keys() != now.keys():
        return False
    return all(before[slot].file is now[slot].file for slot in now)


def morph_shaders(
    before: Mapping[str, ShaderSlot],
    now: Mapping[str, ShaderSlot],
    fraction: float,
    suffixes: Mapping[str, str],
) -> tuple[ShaderSlot, ...]:
    """Interpolate the inputs of the shaders that two looks have in common; `fraction` of the second
    look.

    `suffixes`: the suffix of each slot's render slot."""
    result = []
    for slot, new in now.items():
        old = before[slot]
        mixed = {
            each.name: _interpolate(old.inputs[each.name], new.inputs[each.name], fraction)
            for each in new.file.inputs
            if is_mixed(each) and each.name in old.inputs and each.name in new.inputs
        }
        morphed = replace(
            new,
            slot=slot + suffixes[slot],
            inputs={**new.inputs, **mixed},
            mix=old.mix + (new.mix - old.mix) * fraction,
            is_shared=True,
        )
        result.append(morphed)
    return tuple(result)


def dissolve_shaders(
    before: Mapping[str, ShaderSlot], now: Mapping[str, ShaderSlot], suffixes: Mapping[str, str]
) -> tuple[ShaderSlot, ...]:
    """List the shaders of two looks in the order of the slots.

    `suffixes`: the suffix of each render slot of the second look, or of the only look that has a
    shader there."""
    result = []
    for slot in fx.LOOK_SLOTS:
        old = before.get(slot)
        new = now.get(slot)
        if old is not None:
            suffix = suffixes[slot] if new is None else other_suffix(suffixes[slot])
            result.append(replace(old, slot=slot + suffix, is_outgoing=True))
        if new is not None:
            result.append(replace(new, slot=slot + suffixes[slot]))
    return tuple(result)


def other_suffix(suffix: str) -> str:
    return "" if suffix else SECOND_SUFFIX


def is_mixed(each: ShaderInput | IsfInput) -> bool:
    """True if an input takes values in between; each value of `quality` allocates other
    textures."""
    return each.type in _MIXED and each.name != fx.QUALITY


def _reduced_quality(fed: IsfInput, value: object, factor: float) -> float:
    assert isinstance(value, float) and isinstance(fed.minimum, float)
    return max(fed.minimum, round(_QUALITY_STEPS * value * factor) / _QUALITY_STEPS)


def _interpolate(old: Any, new: Any, fraction: float) -> InputValue:
    if isinstance(new, tuple):
        return tuple(a + (b - a) * fraction for a, b in zip(old, new, strict=True))
    return float(old + (new - old) * fraction)
