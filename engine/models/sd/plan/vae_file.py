"""Determines kind and configuration of a VAE in one file, or a TAESD in two, from headers. Does not load torch.

Files of Stable Diffusion's original code (`vae-ft-mse-840000-ema-pruned`, `sdxl_vae`), of diffusers, and TAESD's own
pairs (`taesd_encoder` beside `taesd_decoder`).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.safetensors_header import Tensor
from engine.models.sd.plan.tensor_file import headers_of, weights_of
from engine.models.weight_files import Weights

FULL, TINY = "AutoencoderKL", "AutoencoderTiny"
PREFIXES = ("first_stage_model.", "vae.")
"""Prefixes of a VAE's tensors in a file that may contain the whole model."""
PARTS = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
"""The tensors that are read; files from training also contain `loss.` and `model_ema.`."""
TINY_WIDTHS = 4  # number of levels of a TAESD
TINY_LAYERS = {"encoder": 14, "decoder": 18}
"""Index of the last layer of each half (madebyollin/taesd, taesd.py); one more in the file of a decoder."""
GROUPS = 32  # number of groups of every norm in the original VAE
_HALF = re.compile(r"(encoder|decoder)")
_LAYER = re.compile(r"\d+\.(.+\.)?(weight|bias)")
_OTHERS = (
    (r"decoder\.middle\.0\.residual\.0\.gamma", "Wan's video VAE"),
    (r"(decoder|encoder)\.stages\..+|encoder\.project_in\..+", "an AutoencoderDC (Sana's)"),
    (r"quantize\.embedding.*", "a VQModel"),
    (r".*(time_stack|temporal).*", "a VAE for video"),
    (r"decoder_unet\..+", "a consistency decoder"),
    (r"model\.diffusion_model\..+", "a checkpoint without a VAE in it"),
)
"""Patterns of tensors that only this kind of file has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaeFile:
    kind: str
    weights: Weights
    config: dict[str, Any]
    """The config.json that diffusers would write, except the scaling factor, which cannot be derived from tensors."""
    latent_channels: int


def examine_vae_file(name: str, file: Path) -> VaeFile:
    """Examine a VAE. ModelError in one line, with the actual kind of the file, if it is not a Stable Diffusion VAE."""
    weights = weights_of(name, file)
    held = headers_of(weights)
    if held and all(_LAYER.fullmatch(each) for each in held):
        return _tiny_pair(name, file)
    tensors = {ours: held[theirs] for ours, theirs in without_prefix(held).items()}
    for pattern, kind in _OTHERS:
        if any(re.fullmatch(pattern, each) for each in tensors or held):
            raise ModelError(f"{name}: {kind}; supported: an {FULL} or a TAESD, such as madebyollin/taesd")
    if "encoder.layers.0.weight" in tensors and "decoder.layers.0.weight" in tensors:
        config = _tiny_config(name, tensors)
        return VaeFile(kind=TINY, weights=weights, config=config, latent_channels=config["latent_channels"])
    for half in ("encoder", "decoder"):
        if f"{half}.conv_in.weight" not in tensors:
            raise ModelError(f"{name}: not a VAE, it has no {half} (first of {len(held)}: {next(iter(held), 'none')})")
    config = _full_config(tensors)
    return VaeFile(kind=FULL, weights=weights, config=config, latent_channels=config["latent_channels"])


def without_prefix(names: Collection[str]) -> dict[str, str]:
    """Names in a VAE's file by the network's names, which have no prefix."""
    start = next((each for each in PREFIXES if any(name.startswith(each) for name in names)), "")
    found = {name.removeprefix(start): name for name in names if name.startswith(start)}
    return {ours: theirs for ours, theirs in found.items() if ours.startswith((*PARTS, "quantize.", "decoder_unet."))}


def is_original(names: Collection[str]) -> bool:
    """True for the layout of Stable Diffusion's original code, not diffusers'."""
    return any(name.startswith("encoder.down.") for name in names)


def pair_names(encoder: Collection[str], decoder: Collection[str]) -> dict[str, str]:
    """diffusers' layer names for a TAESD's two files, by `encoder:` or `decoder:` and the name in the file.

    diffusers' decoder clamps outside its layers, so its layer indices are one lower (see convert_tiny_autoencoder).
    """
    named = {f"encoder:{name}": f"encoder.layers.{name}" for name in encoder}
    for name in decoder:
        number, _, rest = name.partition(".")
        named[f"decoder:{name}"] = f"decoder.layers.{int(number) - 1}.{rest}"
    return named


def _tiny_pair(name: str, file: Path) -> VaeFile:
    halves = _HALF.findall(file.stem)
    if not halves:
        raise ModelError(
            f"{name}: half of a TAESD, with a name that does not show which; name the files ..._encoder and ..._decoder"
        )
    half = halves[-1]
    other = "decoder" if half == "encoder" else "encoder"
    beside = file.with_name(other.join(file.name.rsplit(half, 1)))
    if not beside.is_file():
        raise ModelError(f"{name}: the {half} of a TAESD without its {other}; put {beside.name} next to it")
    pair = {half: file, other: beside}
    held = {each: headers_of(weights_of(name, path)) for each, path in pair.items()}
    tensors: dict[str, Tensor] = {}
    for theirs, ours in pair_names(held["encoder"], held["decoder"]).items():
        which, _, own = theirs.partition(":")
        tensors[ours] = held[which][own]
    config = _tiny_config(name, tensors)
    pickled = [path.suffix != ".safetensors" for path in pair.values()]
    weights = Weights(files=(pair["encoder"], pair["decoder"]), variant=None, is_pickle=any(pickled), has_config=False)
    return VaeFile(kind=TINY, weights=weights, config=config, latent_channels=config["latent_channels"])


def _tiny_config(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    for half, last in TINY_LAYERS.items():
        if f"{half}.layers.0.weight" not in tensors or f"{half}.layers.{last}.weight" not in tensors:
            raise ModelError(f"{name}: an unknown kind of TAESD, its {half} does not have {last + 1} layers")
    return {
        "_class_name": TINY,
        "encoder_block_out_channels": [tensors["encoder.layers.0.weight"].shape[0]] * TINY_WIDTHS,
        "decoder_block_out_channels": [tensors["decoder.layers.0.weight"].shape[0]] * TINY_WIDTHS,
        "latent_channels": tensors["decoder.layers.0.weight"].shape[1],
    }


def _full_config(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    down, resnet = ("down", "block") if is_original(tensors) else ("down_blocks", "resnets")
    widths: list[int] = []
    while (first := tensors.get(f"encoder.{down}.{len(widths)}.{resnet}.0.conv1.weight")) is not None:
        widths.append(first.shape[0])
    start = f"encoder.{down}.0.{resnet}."
    layers = len({name.removeprefix(start).split(".")[0] for name in tensors if name.startswith(start)})
    return {
        "_class_name": FULL,
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": layers,
        "latent_channels": tensors["decoder.conv_in.weight"].shape[1],
        "norm_num_groups": GROUPS,
        "use_quant_conv": "quant_conv.weight" in tensors,
        "use_post_quant_conv": "post_quant_conv.weight" in tensors,
    }
