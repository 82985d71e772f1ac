"""Voices published by the WebUI, Applio and their relatives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import HubertConfig, HubertModel

from engine.models.rvc import VoiceSpec
from engine.models.rvc.content_folder import PUBLISHED
from engine.models.rvc.spec import CONTENT
from tests.support.links import link_or_copy
from tests.support.replicas.replica import Folders, Refused, Replica

WEBUI = "https://github.com/RVC-Project/Retrieval-based-Voice-Conversion-WebUI/blob/main"
APPLIO = "https://github.com/IAHispano/Applio/blob/main"
EXTRACTED = f"{APPLIO}/rvc/train/process/extract_model.py"
INDEX = "added_IVF256_Flat_nprobe_1_alto_v2.index"


@dataclass(frozen=True, kw_only=True)
class Speaks:
    """Expectation that a voice loads and converts, and is run as its authors intend."""

    content: str = CONTENT
    """The ContentVec or HuBERT that reads its input."""
    vectors: int = 0
    says: tuple[str, ...] = ()
    """Parts of the notes."""


def voice_from(
    target: Folders,
    changed: Callable[[dict[str, Any]], Any],
    *,
    name: str = "alto.pth",
    **spec: str,
) -> VoiceSpec:
    """The tiny voice after `changed`, with ContentVec in the cache."""
    target.put_on_hub(CONTENT, target.tiny.voice() / "content")
    stored = torch.load(target.tiny.voice() / "voice.pth", weights_only=True)
    torch.save(changed(stored), target.folder / name)
    return VoiceSpec(model=str(target.folder / name), pitch="yin", **spec)


def as_applio(stored: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Add the keys that Applio adds to the WebUI's; it has no `info`."""
    stored_metadata = {
        "epoch": 200,
        "step": 4000,
        "sr": 40_000,
        "f0": True,
        "creation_date": "2026-05-01T12:00:00.000000",
        "model_hash": "0" * 64,
        "dataset_length": "0:10:00",
        "model_name": "alto",
        "author": "someone",
        "embedder_model": "contentvec",
        "speakers_id": 1,
        "vocoder": "HiFi-GAN",
    }
    return (
        {key: value for key, value in stored.items() if key != "info"} | stored_metadata | metadata
    )


def applio(**metadata: Any) -> Callable[[Folders], VoiceSpec]:
    return lambda target: voice_from(
        target, lambda stored: as_applio(stored, **metadata), name="alto_200e_4000s.pth"
    )


def rvc_webui(layer: int | str = 12, **metadata: Any) -> Callable[[Folders], VoiceSpec]:
    """A voice as the program rvc-webui writes it: the width of vectors before the rate, and other
    names of keys."""

    def changed(stored: dict[str, Any]) -> dict[str, Any]:
        *first, rate_hz = stored["config"]
        stored_metadata = {
            "embedder_name": "contentvec",
            "embedder_output_layer": layer,
            "speaker_info": {"0": "alto"},
            "sr": "40k",
        }
        return (
            stored
            | {"config": [*first, 768, rate_hz], "params": {"emb_channels": 768}}
            | stored_metadata
            | metadata
        )

    return lambda target: voice_from(target, changed)


def webui(target: Folders) -> VoiceSpec:
    for file in (INDEX, INDEX.replace("added", "trained")):
        link_or_copy(target.folder / file, target.tiny.voice() / "voice.index")
    return voice_from(target, dict, name="alto_e200_s4000.pth")


def applio_with_index(target: Folders) -> VoiceSpec:
    link_or_copy(target.folder / "alto.index", target.tiny.voice() / "voice.index")
    return applio()(target)


def index_of_v1(target: Folders) -> VoiceSpec:
    voice = target.tiny.voice(version="v1", rate_hz=48_000, speakers=3)
    link_or_copy(target.folder / INDEX, voice / "voice.index")
    return voice_from(target, dict)


def in_float32(target: Folders) -> VoiceSpec:
    """A voice in float32 with leftovers of training: `enc_q` and an optimizer."""

    def changed(stored: dict[str, Any]) -> dict[str, Any]:
        weights = {name: tensor.float() for name, tensor in stored["weight"].items()}
        weights["enc_q.pre.weight"] = torch.zeros(4, 4, 1)
        state = {
            "state": {0: {"exp_avg": torch.zeros(2), "step": 4}},
            "param_groups": [{"lr": 1e-4, "params": [0]}],
        }
        return stored | {"weight": weights, "optimizer": state, "learning_rate": 1e-4}

    return voice_from(target, changed)


def spin_here(target: Folders) -> VoiceSpec:
    """The published layout: no final projection, and pytorch_model.bin."""
    config = HubertConfig(
        hidden_size=768,
        num_hidden_layers=1,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
    )
    folder = target.folder / "spin-v2"
    config.save_pretrained(folder)
    torch.save(HubertModel(config).state_dict(), folder / "pytorch_model.bin")
    target.put_on_hub("IAHispano/Applio/Resources/embedders/spin-v2", folder)
    return applio(embedder_model="spin-v2")(target)


def with_contentvec(target: Folders) -> VoiceSpec:
    return voice_from(
        target, lambda stored: as_applio(stored, embedder_model="spin"), content=CONTENT
    )


def with_decoder(stored: dict[str, Any], names: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    weights = {
        name: tensor for name, tensor in stored["weight"].items() if not name.startswith("dec.")
    }
    return stored | {
        "weight": weights
        | {f"dec.{name}": torch.zeros(sides).half() for name, sides in names.items()}
    }


MRF = {
    "m_source.l_linear.weight": (1, 9),
    "conv_pre.weight_g": (64, 1, 1),
    "conv_pre.weight_v": (64, 16, 7),
    "upsamples.0.weight_v": (64, 32, 16),
    "noise_convs.0.weight": (32, 1, 80),
    "mrfs.0.0.layers.0.conv1.weight_v": (32, 32, 3),
    "conv_post.weight_v": (1, 4, 7),
}
EARLY_REFINE = {
    "m_source.merge.0.weight": (1, 1),
    "pre_conv.weight_v": (32, 1, 7),
    "downsample_blocks.0.weight_v": (16, 1, 80),
    "upsample_conv_blocks.0.input_conv.weight": (32, 80, 7),
}


def mrf(**metadata: Any) -> Callable[[Folders], VoiceSpec]:
    return lambda target: voice_from(
        target, lambda stored: with_decoder(as_applio(stored, **metadata), MRF)
    )


def refine(**metadata: Any) -> Callable[[Folders], VoiceSpec]:
    """A RefineGAN voice as Applio 3.3 and later write it."""

    def build(target: Folders) -> VoiceSpec:
        refined = torch.load(
            target.tiny.voice(vocoder="RefineGAN") / "voice.pth", weights_only=True
        )
        return voice_from(target, lambda _: as_applio(refined, **metadata))

    return build


def early_refine(target: Folders) -> VoiceSpec:
    return voice_from(
        target, lambda stored: with_decoder(as_applio(stored, vocoder="RefineGAN"), EARLY_REFINE)
    )


def training(*names: str) -> Callable[[Folders], VoiceSpec]:
    def changed(stored: dict[str, Any]) -> dict[str, Any]:
        tensors: dict[str, Tensor] = {name: torch.zeros(2) for name in names}
        return {
            "model": tensors,
            "iteration": 200,
            "optimizer": {"state": {}},
            "learning_rate": 1e-4,
        }

    return lambda target: voice_from(target, changed)


def gpt_sovits(target: Folders) -> VoiceSpec:
    weights = {
        "enc_p.ssl_proj.weight": torch.zeros(2),
        "quantizer.vq.layers.0._codebook.embed": torch.zeros(2),
    }
    content = {
        "config": {"model": {"version": "v2"}, "train": {}, "data": {}},
        "info": "8epoch_208iteration",
    }
    return voice_from(target, lambda stored: {"weight": weights} | content)


class HParams:
    """A configuration pickled by older GPT-SoVITS."""


def old_gpt_sovits(target: Folders) -> VoiceSpec:
    return voice_from(target, lambda stored: {"weight": {}, "config": HParams(), "info": ""})


def not_a_file_of_torch(name: str, content: bytes = b"") -> Callable[[Folders], VoiceSpec]:
    def build(target: Folders) -> VoiceSpec:
        (target.folder / name).write_bytes(content)
        return VoiceSpec(model=str(target.folder / name), pitch="yin")

    return build


def zipped(target: Folders) -> VoiceSpec:
    import zipfile

    with zipfile.ZipFile(target.folder / "alto.zip", "w") as archive:
        archive.writestr("alto/alto.pth", b"")
        archive.writestr(f"alto/{INDEX}", b"")
    return VoiceSpec(model=str(target.folder / "alto.zip"), pitch="yin")


def unpacked(target: Folders) -> VoiceSpec:
    (target.folder / "alto.pth").touch()
    return VoiceSpec(model=str(target.folder), pitch="yin")


SPIN = (
    "hf download IAHispano/Applio --include "
    f'"{PUBLISHED["spin"].removeprefix("IAHispano/Applio/")}/*.json"'
)
TRAIN_INDEX, TRAIN = f"{WEBUI}/train/train_index.py", f"{WEBUI}/train/train.py"
EMBEDDERS, DOWNLOAD = f"{APPLIO}/rvc/lib/utils.py", f"{APPLIO}/rvc/lib/tools/model_download.py"
VOCODERS = f"{APPLIO}/rvc/lib/algorithm/generators"
SO_VITS = "https://github.com/svc-develop-team/so-vits-svc/blob/4.1-Stable/models.py"
GPT_SO_VITS = "https://github.com/RVC-Boss/GPT-SoVITS/blob/main/GPT_SoVITS"
RVC_WEBUI = "https://github.com/ddPn08/rvc-webui/blob/main/lib/rvc/checkpoints.py"
JAPANESE = '"Resources/embedders/japanese_hubert_base/*.json"'
CUSTOM = "rvc/models/embedders/embedders_custom/mine"
KOREAN = '"Resources/embedders/korean_hubert_base/*.json"'
FOREIGN_CONTENT = f"was trained on spin; {CONTENT} is used instead, as requested"
SPIN_HERE = Speaks(content=PUBLISHED["spin_v2"], says=("was trained on spin-v2",))

Build = Callable[[Folders], VoiceSpec]
WORKING: list[tuple[str, str, Build, Speaks]] = [
    (
        *("WebUI v2 with its index", TRAIN_INDEX, webui),
        Speaks(vectors=256, says=(f"index: {INDEX} (the only one beside the voice)",)),
    ),
    (
        *(
            "Applio, contentvec, with its index",
            f"{APPLIO}/rvc/train/process/extract_index.py",
            applio_with_index,
        ),
        Speaks(vectors=256, says=("index: alto.index (it has the voice's name)",)),
    ),
    ("Applio, no embedder told", EXTRACTED, applio(embedder_model=None), Speaks()),
    ("float32 with what training leaves", f"{WEBUI}/train/process_ckpt.py", in_float32, Speaks()),
    ("Applio, RefineGAN", f"{VOCODERS}/refinegan.py", refine(vocoder="RefineGAN"), Speaks()),
    ("Applio, RefineGAN, not told", f"{VOCODERS}/refinegan.py", refine(vocoder=None), Speaks()),
    ("Applio, spin-v2 that is here", EMBEDDERS, spin_here, SPIN_HERE),
    ("rvc-webui, contentvec", RVC_WEBUI, rvc_webui(), Speaks()),
    (
        "rvc-webui 768, hubert_base",
        RVC_WEBUI,
        rvc_webui("12", embedder_name="hubert_base768", version="v1"),
        Speaks(),
    ),
    (
        "Applio, spin, another content named",
        EMBEDDERS,
        with_contentvec,
        Speaks(says=(FOREIGN_CONTENT,)),
    ),
]
REFUSED: list[tuple[str, str, Build, tuple[str, ...]]] = [
    (
        *("Applio, spin", EMBEDDERS, applio(embedder_model="spin")),
        ("was trained on spin, not on ContentVec", SPIN, "--content"),
    ),
    (
        *("Applio, korean-hubert-base", EMBEDDERS, applio(embedder_model="korean-hubert-base")),
        ("was trained on korean-hubert-base", KOREAN),
    ),
    (
        *(
            "Applio, custom embedder",
            f"{APPLIO}/rvc/train/extract/extract.py",
            applio(embedder_model=CUSTOM),
        ),
        (f"was trained on {CUSTOM}", "ask its author"),
    ),
    (
        *("rvc-webui, Japanese", RVC_WEBUI, rvc_webui(embedder_name="hubert-base-japanese")),
        ("was trained on hubert-base-japanese, not on ContentVec", JAPANESE),
    ),
    (
        *("rvc-webui, distilhubert", RVC_WEBUI, rvc_webui(embedder_name="distilhubert-ja")),
        ("was trained on distilhubert-ja, not on ContentVec; ask its author",),
    ),
    (
        *("rvc-webui, layer 9", RVC_WEBUI, rvc_webui(9)),
        (
            "was trained on layer 9 of its speech encoder; voices with 768 channels are run with "
            "layer 12",
        ),
    ),
    (
        *("Applio, MRF HiFi-GAN", f"{VOCODERS}/hifigan_mrf.py", mrf(vocoder="MRF HiFi-GAN")),
        ("was made with Applio's vocoder MRF HiFi-GAN; only HiFi-GAN and RefineGAN are built",),
    ),
    (
        *("Applio, MRF HiFi-GAN, not told", f"{VOCODERS}/hifigan_mrf.py", mrf(vocoder=None)),
        ("was made with Applio's vocoder MRF HiFi-GAN",),
    ),
    (
        *("Applio 3.2.9, RefineGAN", f"{VOCODERS}/refinegan.py", early_refine),
        ("was made with RefineGAN as Applio 3.2.9 had it", "convert with 3.2.9"),
    ),
    (
        *("an index of v1 beside a voice of v2", TRAIN_INDEX, index_of_v1),
        (INDEX, "256 numbers, the voice's 768", "--index none"),
    ),
    (
        *("G_2333333.pth", TRAIN, training("enc_p.emb_phone.weight", "dec.conv_pre.weight")),
        ("a training checkpoint, not a voice",),
    ),
    (
        "D_2333333.pth",
        TRAIN,
        training("discriminators.0.convs.0.weight_v"),
        ("the discriminator from training",),
    ),
    (
        *(
            "so-vits-svc 4.1",
            SO_VITS,
            training("emb_g.weight", "pre.weight", "enc_p.f0_emb.weight"),
        ),
        ("is a so-vits-svc voice",),
    ),
    ("GPT-SoVITS", f"{GPT_SO_VITS}/process_ckpt.py", gpt_sovits, ("is a GPT-SoVITS voice",)),
    (
        "GPT-SoVITS, as before",
        f"{GPT_SO_VITS}/utils.py",
        old_gpt_sovits,
        ("is a GPT-SoVITS voice",),
    ),
    (
        "model.onnx",
        f"{WEBUI}/README.md",
        not_a_file_of_torch("model.onnx"),
        ("is an ONNX export", ".pth"),
    ),
    (
        *("an index given as the voice", TRAIN_INDEX, not_a_file_of_torch(INDEX, b"IwFl")),
        ("is the index of a voice", "--index"),
    ),
    ("a voice's zip", DOWNLOAD, zipped, ("is a zip archive; unpack it", "alto/alto.pth")),
    ("its folder", DOWNLOAD, unpacked, ("is a folder", "alto.pth")),
]
REPLICAS: list[Replica] = [
    Replica(name, source, build, expect)
    for name, source, build, expect in (
        *WORKING,
        *((*row, Refused(says=says)) for *row, says in REFUSED),
    )
]
