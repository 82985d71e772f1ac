"""The tensors of a synthesizer, and their names in published files. Does not load torch."""

import math
from collections.abc import Mapping
from typing import Final

from engine.errors import ModelError
from engine.models.rvc.shapes import (
    ATTENTION_WINDOW,
    FLOW_COUPLINGS,
    FLOW_KERNEL,
    FLOW_LAYERS,
    OUTER_KERNEL,
    PITCH_BINS,
    SynthesizerShape,
)
from engine.models.weight_files import Tensor, shown_shape

Sides = tuple[int, ...]

NORMED: Final = (("weight_v", "weight_g"), ("parametrizations.weight.original1", "parametrizations.weight.original0"))
"""Name suffixes of the direction and the length of a weight, which training stores separately (weight norm)."""


def tensors_of(shape: SynthesizerShape) -> dict[str, Sides]:
    """Shapes of the tensors of `Synthesizer(shape)`, by its names and in its order."""
    return _text_encoder(shape) | _flow(shape) | _decoder(shape) | {"emb_g.weight": (shape.speakers, shape.gin)}


def sources_of(name: str, shape: SynthesizerShape, tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, ...]]:
    """For each tensor of `tensors_of`, the name of its tensor in a file, or the names of its direction and length.

    ModelError in one line if one is missing, has another shape, or is not floating point.
    """
    wanted = tensors_of(shape)
    sources = {key: _source(key, tensors) for key in wanted}
    missing = [key for key, source in sources.items() if not source]
    if missing:
        raise ModelError(f"{name}: {len(missing)} tensors are missing, the first is {missing[0]}")
    for key, source in sources.items():
        for part, sides in zip(source, (wanted[key], _length_sides(wanted[key])), strict=False):
            tensor = tensors[part]
            if tensor.shape != sides:
                raise ModelError(
                    f"{name}: {key} is {shown_shape(tensor.shape)}, its config asks for {shown_shape(sides)}"
                )
            if "float" not in tensor.dtype:
                raise ModelError(f"{name}: {key} is not a floating-point array")
    return sources


def _length_sides(weight: Sides) -> Sides:
    """Shape of the tensor with the length of each row of a weight."""
    return (weight[0], *(1 for _ in weight[1:]))


def _source(key: str, tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Names of the tensor, or of its direction and length; () if it is missing."""
    if key in tensors:
        return (key,)
    stem = key.removesuffix("weight")
    for direction, length in NORMED:
        if f"{stem}{direction}" in tensors and f"{stem}{length}" in tensors:
            return f"{stem}{direction}", f"{stem}{length}"
    return ()


def _text_encoder(shape: SynthesizerShape) -> dict[str, Sides]:
    hidden, inner = shape.hidden, shape.filter
    found = _biased("enc_p.emb_phone", hidden, shape.content_channels)
    if shape.has_pitch:
        found["enc_p.emb_pitch.weight"] = (PITCH_BINS, hidden)
    stem, layers = "enc_p.encoder.", range(shape.layers)
    for layer in layers:
        for which in ("k", "v"):
            found[f"{stem}attn_layers.{layer}.emb_rel_{which}"] = (1, 2 * ATTENTION_WINDOW + 1, hidden // shape.heads)
        for which in ("q", "k", "v", "o"):
            found |= _biased(f"{stem}attn_layers.{layer}.conv_{which}", hidden, hidden, 1)
    for layer in layers:
        found |= _norm(f"{stem}norm_layers_1.{layer}", hidden)
    for layer in layers:
        found |= _biased(f"{stem}ffn_layers.{layer}.conv_1", inner, hidden, shape.kernel)
        found |= _biased(f"{stem}ffn_layers.{layer}.conv_2", hidden, inner, shape.kernel)
    for layer in layers:
        found |= _norm(f"{stem}norm_layers_2.{layer}", hidden)
    return found | _biased("enc_p.proj", 2 * shape.latent, hidden, 1)


def _flow(shape: SynthesizerShape) -> dict[str, Sides]:
    hidden, half = shape.hidden, shape.latent // 2
    found: dict[str, Sides] = {}
    for coupling in range(FLOW_COUPLINGS):
        stem = f"flow.flows.{2 * coupling}."  # every second module flips the channels and has no weights
        found |= _biased(f"{stem}pre", hidden, half, 1)
        found |= _biased(f"{stem}enc.cond_layer", 2 * hidden * FLOW_LAYERS, shape.gin, 1)
        for layer in range(FLOW_LAYERS):
            found |= _biased(f"{stem}enc.in_layers.{layer}", 2 * hidden, hidden, FLOW_KERNEL)
        for layer in range(FLOW_LAYERS):
            made = hidden if layer == FLOW_LAYERS - 1 else 2 * hidden
            found |= _biased(f"{stem}enc.res_skip_layers.{layer}", made, hidden, 1)
        found |= _biased(f"{stem}post", half, hidden, 1)
    return found


def _decoder(shape: SynthesizerShape) -> dict[str, Sides]:
    initial, stages = shape.initial, range(len(shape.upsample_rates))
    channels = [initial // 2 ** (stage + 1) for stage in stages]
    found = _biased("dec.conv_pre", initial, shape.latent, OUTER_KERNEL) | _biased("dec.cond", initial, shape.gin, 1)
    for stage, kernel in enumerate(shape.upsample_kernels):
        found[f"dec.ups.{stage}.weight"] = (2 * channels[stage], channels[stage], kernel)
        found[f"dec.ups.{stage}.bias"] = (channels[stage],)
    block = 0
    for stage in stages:
        for kernel, dilations in zip(shape.resblock_kernels, shape.resblock_dilations, strict=True):
            for convolutions in ("convs1", "convs2"):
                for each in range(len(dilations)):
                    stem = f"dec.resblocks.{block}.{convolutions}.{each}"
                    found |= _biased(stem, channels[stage], channels[stage], kernel)
            block += 1
    if shape.has_pitch:
        for stage in stages:
            stride = math.prod(shape.upsample_rates[stage + 1 :])
            found |= _biased(f"dec.noise_convs.{stage}", channels[stage], 1, 1 if stride == 1 else 2 * stride)
        found |= _biased("dec.m_source.l_linear", 1, 1)
    return found | {"dec.conv_post.weight": (1, channels[-1], OUTER_KERNEL)}


def _biased(stem: str, made: int, *taken: int) -> dict[str, Sides]:
    return {f"{stem}.weight": (made, *taken), f"{stem}.bias": (made,)}


def _norm(stem: str, channels: int) -> dict[str, Sides]:
    return {f"{stem}.gamma": (channels,), f"{stem}.beta": (channels,)}
