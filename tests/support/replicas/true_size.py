"""Replicas of published models in true size: real widths, file names, tensor names and JSON, with random weights.

`python -m tests.support.replicas.true_size NAME FOLDER` writes one into FOLDER. They are for measuring loading time,
memory and speed, which a small replica cannot show. Pictures are noise. Shapes come from models on the device meta, and
weights from one repeating block of noise, so memory stays below 4 GB. Sizes on disk are within 1 % of those on the Hub.

Tokenizers have as many words as CLIP's, of two letters each, so prompts are split into other tokens than with the
published ones.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import engine.models  # noqa: F401  registers the replacement for torchaudio before transformers is imported
from engine.models.sd.shapes import CLIP_L, OPENCLIP_G, OPENCLIP_H, SHAPES
from tests.support.tiny_single_file import open_clip_tensors, original_unet_tensors, original_vae_tensors

Shapes = dict[str, tuple[int, ...]]
Values = Callable[[str, tuple[int, ...]], Iterable[np.ndarray]]

BLOCK = 4_000_037  # length of the noise; not a multiple of a row's length, otherwise all rows are alike
WORDS = 49_408
GAIN = 3**-0.5  # like torch's initialisation: uniform within 1 / sqrt(inputs)
DTYPES = {"F16": "<f2", "F32": "<f4"}
LCM_RANK = 64
LCM_TARGETS = (
    *("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2"),
    *("conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv", "time_emb_proj"),
)
"""https://github.com/huggingface/diffusers/blob/main/examples/consistency_distillation/train_lcm_distill_lora_sdxl.py"""
INDEX_VECTORS = 100_000

# -- values and files


class Noise:
    """Random weights, roughly as torch initializes them, so that outputs stay finite."""

    def __init__(self, seed: int = 0) -> None:
        self._block = np.random.default_rng(seed).standard_normal(BLOCK, dtype=np.float32)

    def __call__(self, name: str, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        count = math.prod(shape)
        if len(shape) < 2:
            yield np.full(count, _constant(name, shape), np.float32)
            return
        scaled = self._block[:count] * np.float32(_scale(name, shape))
        for first in range(0, count, BLOCK):
            yield scaled[: count - first]


def _constant(name: str, shape: tuple[int, ...]) -> float:
    if name.endswith(".alpha"):
        return LCM_RANK
    if name.endswith("logit_scale"):
        return math.log(100.0)
    return 1.0 if name.endswith("weight") and shape else 0.0


def _scale(name: str, shape: tuple[int, ...]) -> float:
    if "token_embedding" in name or "position" in name:
        return 0.02
    return (0.1 if ".lora_up." in name else 1.0) * GAIN / math.sqrt(math.prod(shape[1:]))


def write_safetensors(file: Path, shapes: Shapes, values: Values, dtype: str = "F16") -> None:
    """Write one tensor after the other, without the whole file in memory.

    Format: https://github.com/huggingface/safetensors#format
    """
    width = np.dtype(DTYPES[dtype]).itemsize
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + width * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.write(len(head).to_bytes(8, "little") + head)
        for name, shape in shapes.items():
            for part in values(name, shape):
                stream.write(part.astype(DTYPES[dtype], copy=False).tobytes())


def write_json(file: Path, told: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told, indent=2), encoding="utf-8")


# -- networks, on the device meta


def on_meta(build: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return build()


def shapes_of(module: Any) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def unet(kind: str, **changes: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return on_meta(lambda: UNet2DConditionModel(**({"sample_size": 64} | SHAPES[kind].unet | changes)))


def full_vae(family: str) -> Any:
    from diffusers import AutoencoderKL

    return on_meta(
        lambda: AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            sample_size=1024 if family == "sdxl" else 512,
            scaling_factor=0.13025 if family == "sdxl" else 0.18215,
        )
    )


def taesd() -> Any:
    from diffusers import AutoencoderTiny

    return on_meta(AutoencoderTiny)


def controlnet() -> Any:
    from diffusers import ControlNetModel

    return on_meta(lambda: ControlNetModel(cross_attention_dim=768))


def text_encoder(shape: dict[str, Any], *, has_projection: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    projection = {768: 768, 1024: 512, 1280: 1280}[shape["hidden_size"]]
    config = CLIPTextConfig(
        **shape,
        vocab_size=WORDS,
        projection_dim=projection,
        hidden_act="quick_gelu" if shape is CLIP_L else "gelu",
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    return on_meta(lambda: (CLIPTextModelWithProjection if has_projection else CLIPTextModel)(config))


def text_shapes(encoder: Any) -> Shapes:
    """Shapes by the names on the Hub, which transformers 5 has shortened."""
    starts = ("text_model.", "text_projection.")
    return {
        name if name.startswith(starts) else f"text_model.{name}": shape for name, shape in shapes_of(encoder).items()
    }


def lcm_lora_shapes(network: Any) -> Shapes:
    """Shapes by kohya's names, as diffusers' training script writes them."""
    shapes: Shapes = {}
    for name, module in network.named_modules():
        if not name.endswith(LCM_TARGETS) or not hasattr(module, "weight"):
            continue
        outputs, inputs, *kernel = module.weight.shape
        stem = f"lora_unet_{name.replace('.', '_')}"
        shapes[f"{stem}.lora_down.weight"] = (LCM_RANK, inputs, *kernel)
        shapes[f"{stem}.lora_up.weight"] = (outputs, LCM_RANK, *(1 for _ in kernel))
        shapes[f"{stem}.alpha"] = ()
    return shapes


def sdxl_file_shapes() -> Shapes:
    """Shapes of all tensors of an SDXL checkpoint in one file, by their original names."""
    network, vae = unet("sdxl-turbo"), full_vae("sdxl")
    parts = {
        "model.diffusion_model.": original_unet_tensors(network.state_dict(), network.config.layers_per_block),
        "first_stage_model.": original_vae_tensors(vae.state_dict(), len(vae.config.block_out_channels)),
        "conditioner.embedders.1.model.": open_clip_tensors(text_encoder(OPENCLIP_G, has_projection=True).state_dict()),
    }
    tensors = {f"{start}{name}": tensor for start, part in parts.items() for name, tensor in part.items()}
    clip_l = text_shapes(text_encoder(CLIP_L))
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()} | {
        f"conditioner.embedders.0.transformer.{name}": shape for name, shape in clip_l.items()
    }


# -- folders


_NOISE_TABLE = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "trained_betas": None,
}
_EULER = {"clip_sample": False, "interpolation_type": "linear", "set_alpha_to_one": False, "use_karras_sigmas": False}
_DEIS = {"algorithm_type": "deis", "lower_order_final": True, "solver_order": 2, "solver_type": "logrho"}


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A model in diffusers' layout."""

    name: str
    family: str
    unet: str
    texts: tuple[dict[str, Any], ...]
    scheduler: dict[str, Any]
    sample_size: int = 64


FOLDERS = {
    "sd-turbo": Folder(
        name="sd-turbo",
        family="sd21",
        unet="sd-turbo",
        texts=(OPENCLIP_H,),
        scheduler={"_class_name": "EulerDiscreteScheduler", **_NOISE_TABLE, **_EULER, "timestep_spacing": "trailing"},
    ),
    "dreamshaper-8": Folder(
        name="dreamshaper-8",
        family="sd15",
        unet="sd15",
        texts=(CLIP_L,),
        scheduler={"_class_name": "DEISMultistepScheduler", **_NOISE_TABLE, **_DEIS},
    ),
    "sdxl-turbo": Folder(
        name="sdxl-turbo",
        family="sdxl",
        unet="sdxl-turbo",
        texts=(CLIP_L, OPENCLIP_G),
        scheduler={
            "_class_name": "EulerAncestralDiscreteScheduler",
            **_NOISE_TABLE,
            **_EULER,
            "timestep_spacing": "trailing",
        },
    ),
    "sdxl-base": Folder(
        name="stable-diffusion-xl-base-1.0",
        family="sdxl",
        unet="sdxl-turbo",
        texts=(CLIP_L, OPENCLIP_G),
        scheduler={"_class_name": "EulerDiscreteScheduler", **_NOISE_TABLE, **_EULER, "timestep_spacing": "leading"},
        sample_size=128,
    ),
}


def write_folder(told: Folder, place: Path, noise: Noise | None) -> Path:
    """Write a diffusers folder. With `noise` None only JSON and tokenizers, as needed beside a single file."""
    is_xl = told.family == "sdxl"
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionXLPipeline" if is_xl else "StableDiffusionPipeline",
        "_diffusers_version": "0.24.0.dev0",
        "scheduler": ["diffusers", told.scheduler["_class_name"]],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    index |= {"force_zeros_for_empty_prompt": True} if is_xl else {"safety_checker": [None, None]}
    write_json(place / "scheduler" / "scheduler_config.json", told.scheduler)
    for part, network in (("unet", unet(told.unet, sample_size=told.sample_size)), ("vae", full_vae(told.family))):
        write_json(place / part / "config.json", dict(network.config) | {"_class_name": type(network).__name__})
        if noise:
            write_safetensors(place / part / "diffusion_pytorch_model.fp16.safetensors", shapes_of(network), noise)
    for number, shape in enumerate(told.texts):
        suffix = "_2" if number else ""
        encoder = text_encoder(shape, has_projection=number > 0)
        kind = type(encoder).__name__
        index[f"text_encoder{suffix}"] = ["transformers", kind]
        index[f"tokenizer{suffix}"] = ["transformers", "CLIPTokenizer"]
        write_json(
            place / f"text_encoder{suffix}" / "config.json", encoder.config.to_dict() | {"architectures": [kind]}
        )
        write_tokenizer(place / f"tokenizer{suffix}", pad="<|endoftext|>" if shape is CLIP_L else "!")
        if noise:
            file = place / f"text_encoder{suffix}" / "model.fp16.safetensors"
            write_safetensors(file, text_shapes(encoder), noise)
    write_json(place / "model_index.json", index)
    return place


def write_tokenizer(folder: Path, *, pad: str, words: int = WORDS, tokens: int = 77) -> None:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    pairs = [(first, second) for first in letters for second in letters][: words - 2 * len(letters) - 2]
    known = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in pairs)]
    known += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(known)}), encoding="utf-8")
    lines = "\n".join(" ".join(pair) for pair in pairs)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}\n", encoding="utf-8")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    write_json(folder / "special_tokens_map.json", special | {"pad_token": pad})
    told = {"tokenizer_class": "CLIPTokenizer", "model_max_length": tokens, "do_lower_case": True, "pad_token": pad}
    write_json(folder / "tokenizer_config.json", told | special)


def write_part(place: Path, network: Any, noise: Noise, file: str, dtype: str = "F16") -> Path:
    """Write a ControlNet or TAESD as a repository of its own."""
    write_json(place / "config.json", dict(network.config) | {"_class_name": type(network).__name__})
    write_safetensors(place / file, shapes_of(network), noise, dtype)
    return place


def write_sdxl_file(place: Path, name: str, noise: Noise, marks: tuple[str, ...] = ()) -> Path:
    """Write a checkpoint, and the JSON files of SDXL base in a folder beside it.

    `marks`: empty tensors with which trainers mark the prediction type.
    """
    write_safetensors(place / name, sdxl_file_shapes() | dict.fromkeys(marks, (0,)), noise)
    write_folder(FOLDERS["sdxl-base"], (place / name).with_suffix(""), None)
    return place / name


def write_voice(place: Path) -> Path:
    """Write voice.pth (v2, 40 kHz), its index of 100 000 vectors, and ContentVec as in lengyue233/content-vec-best."""
    from transformers import HubertConfig, HubertModel

    from engine.models.rvc.load import scatter
    from engine.models.rvc.shapes import SHAPES as VOICES
    from engine.models.rvc.synthesizer import Synthesizer
    from engine.models.seeded import seeded
    from tests.support.tiny_voice import published, write_index

    place.mkdir(parents=True, exist_ok=True)
    with seeded(0):
        synthesizer = Synthesizer(VOICES["v2-40k"])
        scatter(synthesizer)
        torch.save(published(synthesizer), place / "voice.pth")
        write_index(place / "voice.index", torch.randn(INDEX_VECTORS, 768).numpy())
        config = HubertConfig(classifier_proj_size=256)
        content = HubertModel(config)
        content.final_proj = torch.nn.Linear(config.hidden_size, config.classifier_proj_size)
    folder = place / "content-vec-best"
    write_json(folder / "config.json", config.to_dict() | {"architectures": ["HubertModelWithFinalProj"]})
    torch.save(content.state_dict(), folder / "pytorch_model.bin")
    return place


def write_sam3(place: Path) -> Path:
    """Write facebook/sam3 in float32; it finds 16 objects in every picture."""
    from engine.models.sam3.shapes import PROMPT_TOKENS, build

    video = build("sam3", 1008, "cpu", torch.bfloat16).video
    write_json(place / "config.json", video.config.to_dict() | {"architectures": ["Sam3VideoModel"]})
    write_tokenizer(place, pad="<|endoftext|>", tokens=PROMPT_TOKENS)
    state = video.state_dict()
    values: Values = lambda name, shape: [state[name].float().numpy()]  # noqa: E731
    write_safetensors(place / "model.safetensors", shapes_of(video), values, "F32")
    return place


def _lora(kind: str, file: str, dtype: str = "F16") -> Callable[[Path, Noise], Path]:
    def write(place: Path, noise: Noise) -> Path:
        write_safetensors(place / file, lcm_lora_shapes(unet(kind)), noise, dtype)
        return place / file

    return write


NET = "diffusion_pytorch_model"
WRITERS: dict[str, Callable[[Path, Noise], Path]] = {
    **{
        name: lambda place, noise, told=told: write_folder(told, place / told.name, noise)
        for name, told in FOLDERS.items()
    },
    "sdxl-lightning": lambda place, noise: write_sdxl_file(place, "sdxl_lightning_4step.safetensors", noise),
    "sdxl-v-pred": lambda place, noise: write_sdxl_file(
        place, "noobaiXLNAIXL_vPred10Version.safetensors", noise, ("v_pred", "ztsnr")
    ),
    "lcm-lora": _lora("sd15", "lcm-lora-sdv1-5/pytorch_lora_weights.safetensors"),
    "hyper-sd": _lora("sd15", "Hyper-SD/Hyper-SD15-8steps-lora.safetensors", "F32"),
    "controlnet": lambda place, noise: write_part(
        place / "control_v11p_sd15_canny", controlnet(), noise, f"{NET}.fp16.safetensors"
    ),
    "taesd": lambda place, noise: write_part(place / "taesd", taesd(), noise, f"{NET}.safetensors", "F32"),
    "taesdxl": lambda place, noise: write_part(place / "taesdxl", taesd(), noise, f"{NET}.safetensors", "F32"),
    "voice": lambda place, noise: write_voice(place / "voice"),
    "sam3": lambda place, noise: write_sam3(place / "sam3"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a replica of a published model in its true size.")
    parser.add_argument("name", choices=sorted(WRITERS))
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    begun_s = time.perf_counter()
    written = WRITERS[chosen.name](chosen.folder, Noise())
    files = [written] if written.is_file() else [file for file in written.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    print(f"{written}: {size / 1e9:.2f} GB in {time.perf_counter() - begun_s:.1f} s")


if __name__ == "__main__":
    main()
