"""Replicas of published models in their true size: real widths, file names, tensor names and JSON, random weights.

`python -m tests.support.replicas.true_size NAME FOLDER` writes one into FOLDER. For what a small replica cannot tell:
time to load, memory, speed. Pictures are noise. Shapes come from models on the device meta and weights from one block
of noise that repeats, so that memory stays below 4 GB whatever is written. Sizes on disk are those of the Hub within
1 %.

Tokenizers have as many words as CLIP's, of two letters each: prompts are cut into other tokens than published ones do.
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

import engine.models  # noqa: F401  what stands in for a torchaudio that does not load is there before transformers
from engine.models.sd.shapes import CLIP_L, OPENCLIP_G, OPENCLIP_H, SHAPES
from tests.support.tiny_single_file import original_vae_name, with_resnet_names

Shapes = dict[str, tuple[int, ...]]
Values = Callable[[str, tuple[int, ...]], Iterable[np.ndarray]]

BLOCK = 4_000_037  # numbers; no multiple of a row's length, or rows would be alike
WORDS = 49_408
GAIN = 3**-0.5  # as torch draws a layer: uniform within 1 / sqrt(inputs)
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
    """Weights as torch would draw them, roughly: outputs stay finite."""

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
    """One tensor after the other; https://github.com/huggingface/safetensors#format"""
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
    """Under the names on the Hub, which transformers 5 has shortened."""
    starts = ("text_model.", "text_projection.")
    return {
        name if name.startswith(starts) else f"text_model.{name}": shape for name, shape in shapes_of(encoder).items()
    }


def lcm_lora_shapes(network: Any) -> Shapes:
    """kohya's names, as the training script of diffusers writes them."""
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


# -- the names of the first training code


_UNET_NAMES = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}


def original_unet_name(name: str, layers: int) -> str:
    """`layers`: resnets of a down block; an up block has one more. For blocks whose upsampler follows an attention."""
    for ours, original in _UNET_NAMES.items():
        if name.startswith(f"{ours}."):
            return with_resnet_names(original + name.removeprefix(ours), ours)
    kind, block, part, layer, rest = name.split(".", 4)
    begin = int(block) * (layers + 1)
    if part == "downsamplers":
        return f"input_blocks.{begin + layers + 1}.0.op.{rest.removeprefix('conv.')}"
    if part == "upsamplers":
        return f"output_blocks.{begin + layers}.2.{rest}"
    place = begin + int(layer) + (1 if kind == "down_blocks" else 0)
    side = "input_blocks" if kind == "down_blocks" else "output_blocks"
    return with_resnet_names(f"{side}.{place}.{int(part == 'attentions')}.{rest}", part)


def original_vae_shapes(shapes: Shapes) -> Shapes:
    """Its attention was made of 1 x 1 convolutions."""
    found = {}
    for name, shape in shapes.items():
        is_matrix = ".attentions." in name and len(shape) == 2
        found[original_vae_name(name, 4)] = (*shape, 1, 1) if is_matrix else shape
    return found


_OPEN_CLIP_LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def open_clip_shapes(shapes: Shapes) -> Shapes:
    """Of a CLIPTextModelWithProjection: query, key and value are one matrix, the projection is the other way round."""
    found: Shapes = {"logit_scale": ()}
    for name, shape in shapes.items():
        name = name.removeprefix("text_model.")
        if name.startswith("encoder.layers."):
            _, _, number, rest = name.split(".", 3)
            part, _, kind = rest.rpartition(".")
            stem = f"transformer.resblocks.{number}"
            if part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"):
                found[f"{stem}.attn.in_proj_{kind}"] = (3 * shape[0], *shape[1:])
            else:
                found[f"{stem}.{_OPEN_CLIP_LAYER[part]}.{kind}"] = shape
        elif name == "text_projection.weight":
            found["text_projection"] = shape[::-1]
        else:
            renamed = {"embeddings.token_embedding.weight": "token_embedding.weight"}
            renamed |= {"embeddings.position_embedding.weight": "positional_embedding"}
            found[renamed.get(name) or name.replace("final_layer_norm", "ln_final")] = shape
    return found


def sdxl_file_shapes() -> Shapes:
    """All tensors of an SDXL checkpoint in one file."""
    network = unet("sdxl-turbo")
    parts = {
        "model.diffusion_model.": {
            original_unet_name(name, network.config.layers_per_block): shape
            for name, shape in shapes_of(network).items()
        },
        "first_stage_model.": original_vae_shapes(shapes_of(full_vae("sdxl"))),
        "conditioner.embedders.0.transformer.": text_shapes(text_encoder(CLIP_L)),
        "conditioner.embedders.1.model.": open_clip_shapes(text_shapes(text_encoder(OPENCLIP_G, has_projection=True))),
    }
    return {f"{start}{name}": shape for start, shapes in parts.items() for name, shape in shapes.items()}


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
    """`noise` None: JSON and tokenizers alone, as what describes a single file."""
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
    """A ControlNet or TAESD in a repository of its own."""
    write_json(place / "config.json", dict(network.config) | {"_class_name": type(network).__name__})
    write_safetensors(place / file, shapes_of(network), noise, dtype)
    return place


def write_sdxl_file(place: Path, name: str, noise: Noise, marks: tuple[str, ...] = ()) -> Path:
    """A checkpoint with the JSON files of SDXL base in a folder beside it. `marks`: empty tensors, as trainers leave
    them to tell the prediction type."""
    write_safetensors(place / name, sdxl_file_shapes() | dict.fromkeys(marks, (0,)), noise)
    write_folder(FOLDERS["sdxl-base"], (place / name).with_suffix(""), None)
    return place / name


def write_voice(place: Path) -> Path:
    """voice.pth of 40 kHz v2, its index of 100 000 vectors, and ContentVec as lengyue233/content-vec-best has it."""
    from transformers import HubertConfig, HubertModel

    from engine.models.rvc.random_voice import scatter, seeded
    from engine.models.rvc.shapes import SHAPES as VOICES
    from engine.models.rvc.synthesizer import Synthesizer
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
    """facebook/sam3 in float32, that finds 16 things in every picture."""
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
