"""Finds quantized weights and their scales in a header, and refuses those that are not simply
weight times scale.

ComfyUI puts `weight_scale` and `comfy_quant`, a JSON text of bytes with the format, beside
`weight`, or the formats of all layers into the header's `_quantization_metadata` (QUANTIZATION.md,
comfy/ops.py); older files have `scale_weight`, and `scaled_fp8` once. The scales of inputs are not
needed. Forge stores nf4 as bitsandbytes does. Does not load torch.

ConvRot (comfy-kitchen, tensor/int8_utils.py) multiplies groups of columns by a Hadamard matrix
before they are rounded; this matrix is its own inverse, so the same product turns them back.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from engine.errors import ModelError
from engine.models.tensor_file import NUMPY, Q8, TensorFile, TensorInfo, TensorInfos
from engine.system.small_file import parse_json

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FORMATS: Final = {
    "float8_e4m3fn": "float8_e4m3fn",
    "float8_e5m2": "float8_e5m2",
    "int8_tensorwise": "int8",
}
"""Formats that are weight times scale, for the whole tensor or each row, and the dtype of their
weights."""
METADATA: Final = "_quantization_metadata"
OLD_MARK: Final = "scaled_fp8"
INSTEAD: Final = "use the file in float16"
_SCALES: Final = ("weight_scale", "scale_weight")
_FORMAT: Final = "comfy_quant"
_AUXILIARY: Final = (*_SCALES, _FORMAT, "input_scale", "scale_input")
_OWN: Final = ("weight", "bias")
_FOUR_BITS: Final = re.compile(r"\.(nested_)?(absmax|quant_map)$|\.quant_state\.")
_ROLES: Final = re.compile(
    r"w\w*scales?|scale_weight|comfy_quant|q(weight|zeros)|g_idx|smooth\w*|proj_(up|down)|SCB|weight_format|_data|_scale"
)
"""Tensors stored with a weight, or instead of it, by ComfyUI, nunchaku, bitsandbytes, GPTQ and
quanto."""
_PLAIN_OPTIONS: Final = (
    "format",
    "full_precision_matrix_mult",
    "per_row",
    "per_channel",
    "orig_dtype",
    "orig_shape",
)
"""Options of a layer that do not change its weights."""
_ROTATED: Final = "convrot"
_GROUP: Final = "convrot_groupsize"
_USUAL_GROUP: Final = 256
_MAX_FORMAT_BYTES: Final = 1 << 16
_TABLES: Final = ("int64",)  # of positions: no weights


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedWeights:
    scales: dict[str, str] = field(default_factory=dict)
    """The scale of each quantized weight, by names in the file: (), (1,), or one for each row."""
    groups: dict[str, int] = field(default_factory=dict)
    """The number of columns that are rotated together, of each rotated weight by its name in the
    file."""
    auxiliary: frozenset[str] = frozenset()
    """Tensors that only describe quantized weights."""


def find_quantized(file: TensorFile, starts: Sequence[str] = ()) -> QuantizedWeights:
    """Find the quantized weights of a file. ModelError in one line if they cannot be read exactly.
    `starts`: prefixes that the names of layers in METADATA may lack."""
    tensors = file.tensors
    if four := next((name for name in tensors if _FOUR_BITS.search(name)), None):
        raise ModelError(
            f"{file}: its weights are quantized to 4 bits (nf4 or fp4: {four}); {INSTEAD}"
        )
    roles: dict[str, set[str]] = {}
    for name in tensors:
        layer, _, role = name.rpartition(".")
        roles.setdefault(layer, set()).add(role)
    formats = _formats_in_metadata(file, ("", *starts))
    scales = {}
    groups = {}
    beside = {OLD_MARK} & tensors.keys()
    for layer, layer_roles in roles.items():
        if layer not in formats and layer_roles.isdisjoint((*_SCALES, _FORMAT)):
            continue
        if strange := sorted(layer_roles.difference(_OWN, _AUXILIARY)):
            raise _refusal(file, layer, f"{strange[0]} beside its weight is not supported")
        options = _options(file, layer) if _FORMAT in layer_roles else formats.get(layer)
        scale = next((role for role in _SCALES if role in layer_roles), None)
        beside |= {f"{layer}.{role}" for role in layer_roles.intersection(_AUXILIARY)}
        if "weight" not in layer_roles:
            raise _refusal(file, layer, "it has a scale, but no weight")
        weight = tensors[f"{layer}.weight"]
        _require_format(file, layer, weight, options)
        if scale is None:
            raise _refusal(file, layer, "its weight has no scale (weight_scale)")
        _require_scale(file, layer, weight, scale, tensors[f"{layer}.{scale}"])
        scales[f"{layer}.weight"] = f"{layer}.{scale}"
        if options and options.get(_ROTATED):
            groups[f"{layer}.weight"] = _group_of(file, layer, weight, options)
    for name, tensor in tensors.items():
        if file.is_gguf and tensor.dtype not in (*NUMPY, Q8):
            raise ModelError(
                f"{file}: {name} is {tensor.dtype}; of GGUF, F32, F16, BF16 and {Q8} are read; "
                f"{INSTEAD}"
            )
        is_number = (
            "float" in tensor.dtype
            or tensor.dtype in _TABLES
            or tensor.dtype == Q8
            or not tensor.shape
        )
        if not is_number and name not in scales and name.endswith((".weight", ".bias")):
            raise ModelError(f"{file}: {name} is {tensor.dtype} without a scale; {INSTEAD}")
    if scales and file.is_pickle:
        raise ModelError(
            f"{file}: quantized weights in a pickle; use its .safetensors version, or {INSTEAD}"
        )
    return QuantizedWeights(scales=scales, groups=groups, auxiliary=frozenset(beside))


def exact_header(
    file: TensorFile, starts: Sequence[str] = ()
) -> tuple[TensorInfos, QuantizedWeights]:
    """The tensors of a file without those that only describe quantized ones, and which are
    quantized. ModelError, in one line, unless it can be read exactly. `starts` as in
    `find_quantized`."""
    quantized = find_quantized(file, starts)
    tensors = {
        name: tensor for name, tensor in file.tensors.items() if name not in quantized.auxiliary
    }
    own = tuple(f".{role}" for role in _OWN)
    require_plain(
        str(file), {name: tensor for name, tensor in tensors.items() if not name.endswith(own)}
    )
    return tensors, quantized


def read_exact(
    file: TensorFile, starts: Sequence[str], dtype: "torch.dtype"
) -> "dict[str, Tensor]":
    """All tensors of `exact_header` on the CPU, quantized ones times their scales, in `dtype`."""
    _, quantized = exact_header(file, starts)
    stored = file.read()
    for name, scale in quantized.scales.items():
        stored[name] = dequantize(stored[name], stored[scale], quantized.groups.get(name, 1)).to(
            dtype
        )
    return {name: tensor for name, tensor in stored.items() if name not in quantized.auxiliary}


def quantized_note(name: str, dtypes: Iterable[str]) -> tuple[str, ...]:
    """The line for the user about the quantized weights of a file, one dtype each, as a tuple; none
    without any."""
    counts = Counter(dtypes)
    if not counts:
        return ()
    counted = f"{counts.total()} quantized weights ({' and '.join(sorted(counts))})"
    return (f"{name}: {counted} are read exactly, times their scales",)


def dequantize(weight: "Tensor", scale: "Tensor", group: int = 1) -> "Tensor":
    """Weight times scale, float32. `scale`: one number, or one for each row. `group`: number of
    columns that were rotated together, and are turned back."""
    plain = weight.float() * scale.float().reshape(-1, *[1] * (weight.ndim - 1))
    return (
        plain
        if group == 1
        else (plain.reshape(-1, group) @ _hadamard(group, plain)).reshape(weight.shape)
    )


def _hadamard(group: int, like: "Tensor") -> "Tensor":
    """The regular Hadamard matrix (group, group) over the root of `group`, a power of 4: the
    Kronecker product of matrices of 4 x 4."""
    import torch

    four = like.new_ones(4, 4) / 2 - like.new_ones(4).diag().flip(0)
    matrix = four
    while len(matrix) < group:
        matrix = torch.kron(matrix, four)
    return matrix


def require_plain(what: str, tensors: TensorInfos) -> None:
    """Raise ModelError if one of `tensors` belongs to a quantized weight that cannot be read as
    weight times scale."""
    for name, tensor in tensors.items():
        layer, _, role = name.rpartition(".")
        is_whole = (
            role in _OWN
            and tensor.shape
            and "float" not in tensor.dtype
            and tensor.dtype not in _TABLES
        )
        if is_whole or _ROLES.fullmatch(role) or _FOUR_BITS.search(name):
            why = f"{role} is {tensor.dtype}" if is_whole else role
            raise ModelError(
                f"{what}: {layer[:120]} is quantized ({why}), which is not supported here; "
                f"{INSTEAD}"
            )


def _formats_in_metadata(file: TensorFile, starts: Sequence[str]) -> dict[str, Any]:
    """Options of each quantized layer, from the header, where its name may lack one of `starts`."""
    text = file.metadata.get(METADATA)
    if not text:
        return {}
    try:
        layers = dict(parse_json(text)["layers"])
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"{file}: its {METADATA} cannot be read; {INSTEAD}") from None
    found = {}
    for layer, options in layers.items():
        start = next((start for start in starts if f"{start}{layer}.weight" in file.tensors), None)
        if start is None:
            raise _refusal(file, str(layer), f"it is in {METADATA}, but has no weight")
        found[f"{start}{layer}"] = options
    return found


def _options(file: TensorFile, layer: str) -> Any:
    name = f"{layer}.{_FORMAT}"
    try:
        if file.is_pickle or file.tensors[name].count > _MAX_FORMAT_BYTES:
            raise ValueError
        return parse_json(bytes(file.stored_bytes(name)[1]))
    except ValueError:
        raise _refusal(file, layer, f"its {_FORMAT} cannot be read") from None


def _require_format(file: TensorFile, layer: str, weight: TensorInfo, options: Any) -> None:
    """Raise ModelError unless weight times scale is the true weight. `options`: None for the older
    files."""
    if options is None:
        if "float" not in weight.dtype and weight.dtype != "int8":
            raise _refusal(file, layer, f"{weight.dtype} without a format ({_FORMAT})")
        return
    kind = options.get("format") if isinstance(options, dict) else None
    if kind not in FORMATS:
        raise _refusal(
            file, layer, f"the format {str(kind)[:40]} is not supported, only {', '.join(FORMATS)}"
        )
    known = (*_PLAIN_OPTIONS, _ROTATED, _GROUP) if weight.dtype == "int8" else _PLAIN_OPTIONS
    if strange := [str(key)[:40] for key, value in options.items() if value and key not in known]:
        raise _refusal(file, layer, f"{strange[0]} of {kind} is not supported")
    if weight.dtype != FORMATS[kind]:
        raise _refusal(file, layer, f"its weight is {weight.dtype}, not {FORMATS[kind]}")


def _group_of(file: TensorFile, layer: str, weight: TensorInfo, options: Mapping[str, Any]) -> int:
    group = options.get(_GROUP, _USUAL_GROUP)
    is_power = isinstance(group, int) and group > 1 and 4 ** (group.bit_length() // 2) == group
    if not is_power or len(weight.shape) != 2 or weight.shape[1] % group:
        raise _refusal(
            file, layer, f"{_GROUP} {str(group)[:40]} is no power of 4 that divides its columns"
        )
    return int(group)


def _require_scale(
    file: TensorFile, layer: str, weight: TensorInfo, role: str, scale: TensorInfo
) -> None:
    is_of_rows = scale.shape[:1] == weight.shape[:1] and scale.count == weight.shape[0]
    if (
        (scale.count != 1 and not is_of_rows)
        or "float" not in scale.dtype
        or "float8" in scale.dtype
    ):
        shape = " x ".join(map(str, scale.shape))
        raise _refusal(
            file,
            layer,
            f"its {role} is {shape} {scale.dtype}, neither one number nor one for each row",
        )


def _refusal(file: TensorFile, layer: str, why: str) -> ModelError:
    return ModelError(f"{file}: {layer[:120]} is quantized: {why}; {INSTEAD}")
