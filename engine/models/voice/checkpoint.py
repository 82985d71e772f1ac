"""A published RVC voice read from disk: shape and weights, and nothing of what else a pickle might do.

A `.pth` file is a dictionary: `weight` (tensors by name, usually float16), `config` (18 items, see `_shape`), `version`
("v1" where absent), `f0` (1 where absent: with pitch), `sr`, and texts. It is a pickle. What it asks for is looked at
first (pickle_file.py), and then it is only ever read by torch's restricted unpickler, which runs nothing.

A `.safetensors` file holds the tensors of `weight`, and the rest as its metadata, all of them texts: `config` (a JSON
list of the 18 items), `version`, and `f0` ("1" or "0").
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeGuard

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.pretrained import one_line
from engine.models.safetensors_header import read_header
from engine.models.voice.pickle_file import read_pickle, shown
from engine.models.voice.shapes import CONFIG_ITEMS, CONTENT_CHANNELS, LARGEST, RATES, SynthesizerShape, Version

TROUBLES = (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError)
MOST_STAGES = 16  # of upsampling, of blocks in one, and of dilations in a block
NORMED = (("weight_v", "weight_g"), ("parametrizations.weight.original1", "parametrizations.weight.original0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    name: str
    """The file, as it was asked for."""
    shape: SynthesizerShape
    weights: dict[str, Tensor]
    """float32 on the CPU, by the names of `Synthesizer`; weight norm folded."""


def read_checkpoint(path: Path) -> Checkpoint:
    """The voice in a `.pth` or `.safetensors` file; nothing in it is run.

    ModelError in one line where it is no voice, cut off, would run code, or its tensors do not fit its configuration.
    """
    name = str(path)
    if not path.is_file():
        raise ModelError(f"{name}: no such file")
    stored = _from_safetensors(path) if path.suffix == ".safetensors" else _from_pickle(path)
    weights = stored.get("weight")
    if "config" not in stored or not isinstance(weights, Mapping):
        what = "a state of training, no voice yet: let RVC extract one" if "model" in stored else "no RVC voice"
        raise ModelError(f"{name}: {what} (needs `weight` and `config`; holds {shown(list(stored))})")
    tensors = {str(key): tensor for key, tensor in weights.items() if isinstance(tensor, Tensor)}
    shape = _shape(name, stored, tensors)
    return Checkpoint(name=name, shape=shape, weights=_fitting(name, shape, tensors))


def _from_pickle(path: Path) -> dict[Any, Any]:
    foreign = read_pickle(path).foreign
    if foreign:
        raise ModelError(f"{path}: refused: it would run {foreign[0]}, which no voice needs")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, *TROUBLES) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise ModelError(f"{path}: damaged, or no RVC voice: torch does not read it") from error
    if not isinstance(stored, dict):
        raise ModelError(f"{path}: no RVC voice (needs `weight` and `config`; holds a {type(stored).__name__})")
    return stored


def _from_safetensors(path: Path) -> dict[Any, Any]:
    from safetensors import safe_open

    read_header(path)  # names what is cut off
    with one_line(str(path)), safe_open(path, framework="pt") as file:
        told = dict(file.metadata() or {})
        if "config" not in told:
            raise ModelError(f"{path}: no RVC voice: its metadata need `config`, a JSON list, and `version` and `f0`")
        try:
            told["config"] = json.loads(told["config"])
        except ValueError:
            raise ModelError(f"{path}: the `config` of its metadata is no JSON list") from None
        return told | {"weight": {key: file.get_tensor(key) for key in file.keys()}}  # noqa: SIM118 (it is no dict)


def _shape(name: str, stored: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SynthesizerShape:
    config = stored["config"]
    if not isinstance(config, list | tuple) or len(config) != CONFIG_ITEMS:
        raise ModelError(f"{name}: its config is no list of {CONFIG_ITEMS} items")
    _, _, latent, hidden, inner, heads, layers, kernel, _, kind, widths, dilations, *others = config
    rates, initial, kernels, speakers, gin, rate_hz = others
    if kind not in (1, "1"):
        raise ModelError(f"{name}: residual blocks of kind {shown(kind)}; known is 1")
    embeddings = tensors.get("emb_g.weight")
    shape = SynthesizerShape(
        version=_version(name, stored, tensors),
        has_pitch=_has_pitch(name, stored),
        rate_hz=_whole(
            name, "sample rate", RATES.get(rate_hz, rate_hz) if isinstance(rate_hz, str) else rate_hz, 400_000
        ),
        # Merged and extracted files keep the 109 of the base model in their config, whatever they hold.
        speakers=_whole(name, "speakers", embeddings.shape[0] if _is_table(embeddings) else speakers),
        latent=_whole(name, "latent", latent),
        hidden=_whole(name, "hidden", hidden),
        filter=_whole(name, "filter", inner),
        heads=_whole(name, "heads", heads),
        layers=_whole(name, "layers", layers, 64),
        kernel=_whole(name, "kernel", kernel, 64),
        initial=_whole(name, "initial", initial),
        gin=_whole(name, "gin", gin),
        upsample_rates=_wholes(name, "upsample rates", rates),
        upsample_kernels=_wholes(name, "upsample kernels", kernels),
        resblock_kernels=_wholes(name, "resblock kernels", widths),
        resblock_dilations=tuple(_wholes(name, "resblock dilations", each) for each in _listed(dilations)),
    )
    _demand_sense(name, shape)
    return shape


def _version(name: str, stored: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Version:
    """As the file says, "v1" where it says nothing and its tensors do not either."""
    told = stored.get("version")
    phone = tensors.get("enc_p.emb_phone.weight")
    channels = phone.shape[1] if _is_table(phone) else 0
    seen: Version | None = next((version for version, wide in CONTENT_CHANNELS.items() if wide == channels), None)
    version: Version | None = next((version for version in CONTENT_CHANNELS if version == told), None)
    if told is not None and version is None:
        raise ModelError(f"{name}: version {shown(told)}; known are v1 and v2")
    if version and seen and version != seen:
        raise ModelError(f"{name}: calls itself {version}, but takes features of {channels} channels, as {seen} does")
    return version or seen or "v1"


def _has_pitch(name: str, stored: Mapping[str, Any]) -> bool:
    told = stored.get("f0", 1)
    if isinstance(told, int | str):  # of a list in lists, each twice, a text would have no end
        told = str(told).lower()
    if told not in ("0", "1", "true", "false"):
        raise ModelError(f"{name}: f0 is {shown(told)}, not 0 or 1")
    return told in ("1", "true")


def _is_table(tensor: Tensor | None) -> TypeGuard[Tensor]:
    return tensor is not None and tensor.ndim == 2


def _listed(value: Any) -> list[Any]:
    return list(value[: MOST_STAGES + 1]) if isinstance(value, list | tuple) else [value]


def _wholes(name: str, what: str, values: Any) -> tuple[int, ...]:
    return tuple(_whole(name, what, value) for value in _listed(values))


def _whole(name: str, what: str, value: Any, most: int = LARGEST) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ModelError(f"{name}: {what} of its config: {shown(value)} is not a whole number in 1..{most}")
    return value


def _demand_sense(name: str, shape: SynthesizerShape) -> None:
    stages = len(shape.upsample_rates)
    troubles = {
        f"it has more than {MOST_STAGES} stages": max(stages, len(shape.resblock_kernels)) > MOST_STAGES,
        "the rates and kernels of its upsampling are not equally many": len(shape.upsample_kernels) != stages,
        "the kernels and dilations of its residual blocks are not equally many": (
            len(shape.resblock_kernels) != len(shape.resblock_dilations)
        ),
        f"makes {shape.hop} samples of a frame, at {shape.rate_hz} Hz it has {shape.rate_hz / 100:g}": (
            shape.hop * 100 != shape.rate_hz
        ),
        f"{shape.hidden} hidden channels are no multiple of {shape.heads} heads": bool(shape.hidden % shape.heads),
        f"{shape.latent} latent channels cannot be halved": bool(shape.latent % 2),
        f"{shape.initial} channels cannot be halved {stages} times": shape.initial % 2**stages > 0,
        "a kernel of its upsampling is shorter than its step, or odd where that is even": any(
            kernel < rate or (kernel - rate) % 2
            for rate, kernel in zip(shape.upsample_rates, shape.upsample_kernels, strict=False)
        ),
        "a kernel of its residual blocks is even": any(kernel % 2 == 0 for kernel in shape.resblock_kernels),
    }
    for trouble, is_so in troubles.items():
        if is_so:
            raise ModelError(f"{name}: its config makes no sense: {trouble}")


def _fitting(name: str, shape: SynthesizerShape, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the synthesiser has, of a file that has more (`enc_q.*`, for training); ModelError where it has less."""
    from engine.models.voice.synthesizer import Synthesizer

    with torch.device("meta"):
        wanted = {key: tuple(tensor.shape) for key, tensor in Synthesizer(shape).state_dict().items()}
    sources = {key: _found(key, tensors) for key in wanted}
    missing = [key for key, found in sources.items() if not found]
    if missing:
        raise ModelError(f"{name}: {len(missing)} tensors are missing, the first is {missing[0]}")
    return {key: _weight(f"{name}: {key}", wanted[key], found) for key, found in sources.items()}


def _found(key: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The tensor of this name, or its direction and its length where training kept them apart; () for neither."""
    if key in tensors:
        return (tensors[key],)
    stem = key.removesuffix("weight")
    for direction, length in NORMED:
        if f"{stem}{direction}" in tensors and f"{stem}{length}" in tensors:
            return tensors[f"{stem}{direction}"], tensors[f"{stem}{length}"]
    return ()


def _weight(what: str, wanted: tuple[int, ...], found: tuple[Tensor, ...]) -> Tensor:
    """float32; of a direction v and a length g, g v / |v| (weight norm, Salimans and Kingma 2016)."""
    sides = (wanted, (wanted[0], *(1 for _ in wanted[1:])))
    for tensor, expected in zip(found, sides, strict=False):
        # Before anything is computed: a broken file may have a tensor of any size in a few bytes.
        if tuple(tensor.shape) != expected:
            raise ModelError(f"{what} is {_sides(tuple(tensor.shape))}, its config asks for {_sides(expected)}")
        if not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise ModelError(f"{what} is no array of fractions")
    weight = found[0].float()
    if len(found) == 2:
        length = weight.flatten(1).norm(dim=1).reshape(sides[1])
        # A channel that training switched off may be all zeros in float16: its length is none, not 0 / 0.
        weight = weight * (found[1].float() / length.clamp_min(torch.finfo(torch.float32).tiny))
    if not weight.isfinite().all():
        raise ModelError(f"{what} holds numbers that are none (NaN or infinity)")
    return weight


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
