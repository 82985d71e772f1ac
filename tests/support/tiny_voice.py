"""A tiny RVC voice for tests: the layout of a published one, a few megabytes.

`python -m tests.support.tiny_voice FOLDER [--kind singing]` writes one; the tests build theirs
through the fixtures. The same arguments give the same weights. The folder contains

- `voice.pth`: a dictionary as extracted by RVC: float16 tensors with weight norm, and a config of
  18 items that always says 109 speakers;
- `voice.index`: FAISS `IVF4,Flat` over ROWS random embeddings, 256 (v1) or 768 (v2) channels wide;
- `content/`: a HuBERT of two layers, 768 wide, with its final projection to 256, in the layout of
  transformers.
"""

import dataclasses
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.models.pretrained import silence_libs
from engine.models.random_models import seeded
from engine.models.rvc.load import reinitialize
from engine.models.rvc.shapes import RATES, SHAPES, SynthesizerShape, Vocoder
from engine.models.rvc.synthesizer import Synthesizer
from tests.support.toy_program import write_toy

KINDS = ("random", "singing")
VERSIONS = ("v1", "v2")
ROWS = 256
CELLS = 4
METRIC_L2 = 1
GAIN = 4.0
TINY = {"latent": 16, "hidden": 32, "filter": 64, "layers": 2, "gin": 16}
NORMED = (
    *("dec.ups.", "dec.resblocks.", ".enc.in_layers.", ".enc.res_skip_layers.", ".enc.cond_layer."),
    *("dec.pre_conv.", "dec.downsample_blocks.", "dec.mel_conv.", ".convs1.", ".convs2."),
)


def build_tiny_voice(
    folder: Path,
    *,
    kind: str = "random",
    version: str = "v2",
    rate_hz: int = 40_000,
    speakers: int = 2,
    has_pitch: bool = True,
    vocoder: Vocoder = "HiFi-GAN",
    seed: int = 0,
) -> Path:
    """Write `voice.pth`, `voice.index` and `content/` into `folder` and return it. random: noise
    that depends on all inputs. singing: a sine at the given pitch, whatever the content: amplitude
    0.38 (0.1 of the source, tanh, GAIN and tanh) with noise 30 dB below it in voiced frames, and
    noise of 0.13 rms in unvoiced ones."""
    shape = tiny_shape(version, rate_hz, speakers=speakers, has_pitch=has_pitch, vocoder=vocoder)
    if kind not in KINDS:
        raise ValueError(f"{kind}: not one of {', '.join(KINDS)}")
    with seeded(seed):
        synthesizer = Synthesizer(shape)
        reinitialize(synthesizer)
        if kind == "singing":
            let_the_source_through(synthesizer)
        embeddings = torch.randn(ROWS, shape.content_channels).numpy()
        content = tiny_content()
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(published(synthesizer), folder / "voice.pth")
    write_index(folder / "voice.index", embeddings)
    content.save_pretrained(folder / "content")
    return folder


def tiny_shape(version: str, rate_hz: int, **changes: Any) -> SynthesizerShape:
    """The published shape of this version and rate with few channels."""
    shape = SHAPES[f"{version}-{rate_hz // 1000}k"]
    initial = 4 * 2 ** len(shape.upsample_rates)
    if changes.get("vocoder") == "RefineGAN":
        initial = 64
    return dataclasses.replace(shape, initial=initial, **(TINY | changes))


def published(synthesizer: Synthesizer) -> dict[str, Any]:
    """The content of the file that RVC extracts from a trained voice."""
    shape = synthesizer.shape
    config = shape.config()
    config[-3] = 109
    named = {rate_hz: name for name, rate_hz in RATES.items()}
    return {
        "weight": {
            name: tensor.half()
            for name, tensor in with_weight_norm(synthesizer.state_dict()).items()
        },
        "config": config,
        "info": "1epoch",
        "sr": named[shape.rate_hz],
        "f0": int(shape.has_pitch),
        "version": shape.version,
        **({"vocoder": shape.vocoder} if shape.vocoder == "RefineGAN" else {}),
    }


def with_weight_norm(
    tensors: dict[str, torch.Tensor], names: tuple[str, str] = ("weight_g", "weight_v")
) -> dict[str, torch.Tensor]:
    """Split the tensors that training stores as length and direction."""
    apart: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(".weight") and any(part in name for part in NORMED):
            stem = name.removesuffix("weight")
            apart[stem + names[0]] = tensor.flatten(1).norm(dim=1).reshape(-1, 1, 1)
            apart[stem + names[1]] = tensor.clone()
        else:
            apart[name] = tensor
    return apart


def let_the_source_through(synthesizer: Synthesizer) -> None:
    """Make the decoder's last stage pass on only the source and its negative: their leaky rectified
    difference is 1.01 times the source. RefineGAN's are rectified four times, with less left: 1.002
    times."""
    decoder = synthesizer.dec
    for parameter in decoder.parameters():
        parameter.zero_()
    if synthesizer.shape.vocoder == "RefineGAN":
        decoder.m_source.merge[0].weight.fill_(1.0)
        decoder.pre_conv.weight[0, 0, 3], decoder.pre_conv.weight[1, 0, 3] = 1.0, -1.0
        last = decoder.upsample_conv_blocks[-1]
        for way in range(2):
            last.input_conv.weight[way, 2 * last.channels + way, 3] = 1.0
    else:
        decoder.m_source.l_linear.weight.fill_(1.0)
        last = decoder.noise_convs[-1].weight  # (channels, 1, 1)
        last[0], last[1] = 1.0, -1.0
    post = decoder.conv_post.weight  # (1, channels, 7)
    post[0, 0, 3], post[0, 1, 3] = GAIN, -GAIN


def tiny_content() -> Any:
    """A HubertModel with `final_proj`, as the published ContentVec has it."""
    from transformers import HubertConfig, HubertModel

    silence_libs("transformers")
    config = HubertConfig(
        hidden_size=768,
        num_hidden_layers=2,
        num_attention_heads=12,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=16,
        classifier_proj_size=256,
    )
    content = HubertModel(config)
    content.final_proj = torch.nn.Linear(config.hidden_size, config.classifier_proj_size)
    return content.eval()


def write_index(file: Path, embeddings: np.ndarray) -> None:
    """FAISS `IVF4,Flat` over (n, channels) float32, laid out as in `engine.models.rvc.index_file`.
    Written without faiss, which cannot be loaded together with torch on a Mac. Rows are assigned to
    the lists in turn."""
    count, width = embeddings.shape
    rows = [np.arange(cell, count, CELLS) for cell in range(CELLS)]
    sizes = [len(each) for each in rows]

    def header(kind: bytes, vectors: int) -> bytes:
        return kind + struct.pack("<iqqq?i", width, vectors, 1 << 20, 1 << 20, True, METRIC_L2)

    content = header(b"IwFl", count) + struct.pack("<QQ", CELLS, 1)
    content += (
        header(b"IxF2", CELLS) + struct.pack("<Q", CELLS * width) + embeddings[:CELLS].tobytes()
    )
    content += struct.pack("<bQ", 0, 0)
    content += (
        b"ilar"
        + struct.pack("<QQ", CELLS, 4 * width)
        + b"full"
        + struct.pack(f"<Q{CELLS}Q", CELLS, *sizes)
    )
    file.write_bytes(
        content + b"".join(embeddings[each].tobytes() + each.tobytes() for each in rows)
    )


if __name__ == "__main__":
    write_toy(
        build_tiny_voice,
        "Write a tiny RVC voice.",
        kind=KINDS,
        version=VERSIONS,
        rate_hz=sorted(RATES.values()),
    )
