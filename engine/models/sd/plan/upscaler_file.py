"""Reads from the header of an upscaler its width, depth and factor. Does not load torch.

Known is SRVGGNetCompact (Wang et al. 2021, Real-ESRGAN: realesrgan/archs/srvgg_arch.py), a row of
convolutions of the small picture, which is the usual one for live use: realesr-animevideov3 has 16,
realesr-general-x4v3 32.
"""

import math
import re
from dataclasses import dataclass

from engine.errors import ModelError
from engine.models import locate
from engine.models.not_a_model import SAFETENSORS
from engine.models.pickle_file import WEIGHTS, PickleLayout
from engine.models.sd.plan.other_models import kind_of
from engine.models.tensor_file import TensorFile, TensorInfo
from engine.models.weight_files import open_tensors

SUFFIXES = (*SAFETENSORS, ".pth")
COLOURS = 3
KERNEL = (3, 3)
LAYOUT = PickleLayout(advice=WEIGHTS.advice, keys=("params_ema", "params"), is_mapped=True)
FACTORS = (2, 4)
MAX_WIDTH = 256
MAX_LAYERS = 64
_NAME = re.compile(r"body\.(\d+)\.(weight|bias)")
_LIVE = "supported: SRVGGNetCompact, such as realesr-animevideov3 and realesr-general-x4v3"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscalerFile:
    file: TensorFile
    layers: int
    """Number of convolutions."""
    width: int
    """Channels between them."""
    factor: int
    """2 or 4: scale factor of its pictures."""


def examine_upscaler(name: str) -> UpscalerFile:
    """Examine an upscaler from its header. ModelError in one line if the file is not of the known
    kind."""
    file = locate.find(name)
    if file.suffix.lower() not in SUFFIXES:
        raise ModelError(f"{name}: an upscaler is a {' or '.join(SUFFIXES)} file")
    opened = open_tensors(file, LAYOUT)
    tensors = opened.tensors
    first = tensors.get("body.0.weight")
    last = max((int(found[1]) for each in tensors if (found := _NAME.fullmatch(each))), default=0)
    if first is None or len(first.shape) != 4 or not all(map(_NAME.fullmatch, tensors)):
        raise ModelError(f"{name}: {_kind(tensors)}; {_LIVE}")
    width = first.shape[0]
    layers = last // 2 + 1
    ends = tensors.get(f"body.{last}.weight")
    factor = math.isqrt(ends.shape[0] // COLOURS) if ends is not None and ends.shape else 0
    if factor not in FACTORS or width > MAX_WIDTH or layers > MAX_LAYERS:
        raise ModelError(
            f"{name}: an upscaler by {factor} with {layers} layers of {width} channels; "
            "supported: by 2 and by 4, up "
            f"to {MAX_LAYERS} layers of {MAX_WIDTH} channels"
        )
    expected = shapes_of(layers, width, factor)
    for each in {**expected, **tensors}:
        shape = tensors[each].shape if each in tensors else None
        if shape != expected.get(each):
            raise ModelError(
                f"{name}: damaged: {each} is {shape or 'missing'}, not {expected.get(each)}; "
                f"{_LIVE}"
            )
    return UpscalerFile(file=opened, layers=layers, width=width, factor=factor)


def shapes_of(layers: int, width: int, factor: int) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors by name: convolutions with an activation (PReLU) between two of
    them."""
    ends = [COLOURS, *([width] * (layers - 1)), COLOURS * factor**2]
    found: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        found[f"body.{2 * layer}.weight"] = (ends[layer + 1], ends[layer], *KERNEL)
        found[f"body.{2 * layer}.bias"] = (ends[layer + 1],)
        if layer < layers - 1:
            found[f"body.{2 * layer + 1}.weight"] = (width,)
    return found


def _kind(tensors: dict[str, TensorInfo]) -> str:
    if any(re.match(r"conv_first\.|model\.0\.|model\.1\.sub\.", each) for each in tensors):
        return "is an ESRGAN, whose pictures take seconds"
    return kind_of(tensors)
