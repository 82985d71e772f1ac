"""Checks a voice from file headers, in milliseconds: its kind and what is missing.

Does not load torch, and never executes code from a file. A voice is a dictionary: `weight` (tensors
by name, usually float16), `config` (18 items, see `shape_of`), `version` (default "v1"), `f0`
(default 1: with pitch), `sr`, and texts. A `.safetensors` file holds the tensors of `weight`, and
the rest as its metadata, all as text: `config` (a JSON list of the 18 items), `version`, and `f0`
("1" or "0").
"""

import importlib.util
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.part_report import ModelReport, PartReport, Problems, describe_part
from engine.models.pickle_file import PickleFile, PickleLayout, short_repr, type_name
from engine.models.rvc import shapes
from engine.models.rvc.content_folder import (
    LAYER_KEY,
    LAYOUT,
    OTHER_KEY,
    PROJECTION,
    choose_content,
    find_content,
)
from engine.models.rvc.index_file import count_vectors
from engine.models.rvc.pitch import choose
from engine.models.rvc.spec import VoiceSpec
from engine.models.tensor_file import TensorFile, TensorInfos
from engine.models.toml_tables import tables_beside
from engine.models.weight_files import open_tensors
from engine.system.installing import install_line
from engine.system.small_file import open_regular, parse_json

_TABLES: Final = tables_beside(__file__, "other_voices")
VOCODER_NAMES: Final[dict[str, str]] = _TABLES["vocoders"]
_VOCODER_TENSORS: Final[dict[str, str]] = _TABLES["vocoder_tensors"]
_TRAINED: Final[dict[str, str]] = _TABLES["trained"]
_FILE_KINDS: Final[dict[str, str]] = _TABLES["file_kinds"]
GPT_SOVITS: Final = "a GPT-SoVITS voice, not RVC's"
_VITS2: Final = (".pre_transformer.", "enc_p.encoder.spk_emb_linear.")
"""Parts of tensor names that only VITS2 has: transformers in the flow, and the speaker in the text
encoder."""
WEIGHT: Final = "weight"
"""Key of the tensors in a `.pth` file."""
VOICE: Final = PickleLayout(kind="voice", keys=(WEIGHT,))
OF_TRAINING: Final = "enc_q."
"""Prefix of the tensors that only training needs."""
MAX_STAGES: Final = 16  # limit for upsampling stages, blocks per stage, and dilations per block
MAX_HZ: Final = 400_000
Sides = tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class VoiceReport(ModelReport):
    version: shapes.Version
    rate_hz: int
    """Sample rate of the output."""
    has_pitch: bool
    """True if the synthesizer takes a pitch."""
    vocoder: shapes.Vocoder
    speakers: int
    pitch: str
    """The pitch tracker: rmvpe, fcpe or yin."""
    vectors: int
    """Number of vectors in the index; 0 without an index."""

    @property
    def index_bytes(self) -> int:
        """Memory of the vectors during search, where they are float32."""
        return self.vectors * shapes.CONTENT_CHANNELS[self.version] * 4


def check(spec: VoiceSpec) -> VoiceReport:
    """Check a voice on disk. ModelError if `spec.model` is not found or not a voice, as from
    `read_checkpoint`, which also compares all tensors. Every other problem is listed in the
    report."""
    path = locate.find(spec.model, files=("*.pth",))
    shape, metadata, tensors = _shape_in(path)
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(OF_TRAINING)}
    parts = [describe_part("synthesizer", weights, path)]
    missing = Problems()
    notes: list[str] = []
    pitch = choose(spec)
    vectors = 0
    with missing.collect():
        content_choice = choose_content(str(path), metadata, spec.content)
        notes.append(content_choice.note)
        parts.append(_content_part(spec, content_choice.content, shape.version))
    notes += [spec.index_note, pitch.reason]
    if spec.index:
        with missing.collect():
            vectors = count_vectors(
                locate.find(spec.index, files=("*.index",)), shape.content_channels
            )
    if pitch.name == "fcpe" and importlib.util.find_spec("torchfcpe") is None:
        missing.append(f"pitch fcpe: torchfcpe is not installed; {install_line('[fcpe]')}")
    if pitch.name == "rmvpe":
        with missing.collect():
            locate.find(spec.rmvpe, files=())
    return VoiceReport(
        model=spec.model,
        path=path,
        version=shape.version,
        rate_hz=shape.rate_hz,
        has_pitch=shape.has_pitch,
        vocoder=shape.vocoder,
        speakers=shape.speakers,
        pitch=pitch.name,
        vectors=vectors,
        parts=tuple(parts),
        missing=tuple(missing),
        notes=tuple(note for note in notes if note),
    )


def headline(model: str) -> str:
    """The version, rate and, if unusual, vocoder of a voice, from its header. ModelError if it is
    not a voice."""
    shape = _shape_in(Path(model))[0]
    vocoder = "" if shape.vocoder == "HiFi-GAN" else f", {shape.vocoder}"
    return (
        f"{shape.version}, {shape.rate_hz / 1000:g} "
        f"kHz{vocoder}{'' if shape.has_pitch else ', no pitch'}"
    )


def _shape_in(
    path: Path,
) -> tuple[shapes.SynthesizerShape, Mapping[str, Any], TensorInfos]:
    file, metadata = open_voice(path)
    shapes_by_name = {name: tensor.shape for name, tensor in file.tensors.items()}
    return shape_of(str(path), metadata, shapes_by_name), metadata, file.tensors


def _content_part(spec: VoiceSpec, name: str, version: shapes.Version) -> PartReport:
    """The HuBERT of this name; ModelError if it is missing or does not fit the voice."""
    files = find_content(name).weights
    tensors: TensorInfos = {}
    for file in files:
        tensors |= open_tensors(file, LAYOUT).tensors
    if not any("encoder.layers.0." in key for key in tensors):
        raise ModelError(f"{name}: no HuBERT")
    if version == "v1" and f"{PROJECTION}weight" not in tensors:
        raise ModelError(
            f"{name}: has no final projection, which v1 voices need, and {spec.model} is v1"
        )
    return describe_part("content", tensors, *files)


def open_voice(path: Path) -> tuple[TensorFile, Mapping[str, Any]]:
    """The file of a voice, which has its tensors, and its metadata (`config`, `version`, `f0`).
    ModelError in one line if it is not a voice, is truncated, or would run code."""
    require_voice_file(path)
    file = open_tensors(path, VOICE)
    if not isinstance(file, PickleFile):
        return file, _texts_of(file)
    if any(name.endswith(".HParams") for name in file.scanned.foreign):
        raise ModelError(f"{path}: is {GPT_SOVITS} (its config is a class of that program)")
    content = require_voice(str(path), file.content)
    return file, {key: value for key, value in content.items() if key != WEIGHT}


def require_voice_file(path: Path) -> None:
    """Raise ModelError if the path cannot be a voice (a folder, archive, index or export), with
    what to use instead."""
    if path.is_dir():
        voices = sorted(file.name for file in path.glob("*.pth"))
        raise ModelError(
            f"{path}: is a folder; a voice is a .pth or .safetensors file{_inside(voices)}"
        )
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if kind := _FILE_KINDS.get(path.suffix.lower()):
        raise ModelError(f"{path}: is {kind}")
    if path.suffix.lower() == ".zip":
        raise ModelError(
            f"{path}: is a zip archive; unpack it, and name the .pth "
            f"file{_inside(voices_in_zip(path))}"
        )


def voices_in_zip(path: Path) -> list[str]:
    """Names of the voices in a zip archive; [] if it is not an archive."""
    try:
        with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
            return sorted(name for name in archive.namelist() if name.lower().endswith(".pth"))
    except (OSError, ValueError, zipfile.BadZipFile):
        return []


def _inside(names: list[str]) -> str:
    return f" (in it: {short_repr(names[:3])[1:-1]})" if names else ""


def _texts_of(file: TensorFile) -> dict[str, Any]:
    """The metadata of a `.safetensors` file, with `config` as a list; ModelError if there is
    none."""
    metadata: dict[str, Any] = dict(file.metadata)
    if "config" not in metadata:
        raise ModelError(
            f"{file}: not an RVC voice: its metadata must have `config` (a JSON list), `version` "
            "and `f0`"
        )
    try:
        metadata["config"] = parse_json(metadata["config"])
    except ValueError:
        raise ModelError(f"{file}: the `config` in its metadata is not a JSON list") from None
    return metadata


def require_voice(name: str, stored: Any) -> Mapping[str, Any]:
    """The content of a pickle, after checking that it has weights and a config. ModelError says
    what it is instead."""
    if not isinstance(stored, Mapping):
        raise ModelError(
            f"{name}: no RVC voice (needs `weight` and `config`; holds a {type_name(stored)})"
        )
    if "config" not in stored or not isinstance(stored.get("weight"), Mapping):
        what = _describe_checkpoint(stored["model"]) if "model" in stored else "no RVC voice"
        raise ModelError(
            f"{name}: {what} (needs `weight` and `config`; holds {short_repr(list(stored))})"
        )
    if isinstance(stored["config"], Mapping):
        raise ModelError(
            f"{name}: is {GPT_SOVITS} (its config is not a list of {shapes.CONFIG_ITEMS} items)"
        )
    return stored


def _describe_checkpoint(tensors: Any) -> str:
    """Description of a training checkpoint with these tensors."""
    names = (
        [name for name in tensors if isinstance(name, str)] if isinstance(tensors, Mapping) else []
    )
    for start, what in _TRAINED.items():
        if any(name.startswith(start) for name in names):
            return f"is {what}"
    return "a training checkpoint, not a voice: extract the voice with RVC"


def find_vocoder(
    name: str, metadata: Mapping[str, Any], tensors: Mapping[str, Sides]
) -> shapes.Vocoder:
    """The decoder that the voice was trained with; ModelError if it is not implemented here. Called
    before the tensors are counted, because "155 tensors are missing" would not help the user."""
    stored_name = metadata.get("vocoder")
    kind = next(
        (
            vocoder
            for start, vocoder in _VOCODER_TENSORS.items()
            if any(k.startswith(start) for k in tensors)
        ),
        "HiFi-GAN",
    )
    if isinstance(stored_name, str) and VOCODER_NAMES.get(stored_name.lower()) != "HiFi-GAN":
        kind = VOCODER_NAMES.get(stored_name.lower(), short_repr(stored_name))
    found: shapes.Vocoder | None = next((each for each in shapes.VOCODERS if each == kind), None)
    if found is None:
        raise ModelError(
            f"{name}: was made with Applio's vocoder {kind}; only {' and '.join(shapes.VOCODERS)} "
            "are built here: take "
            f"one of the same voice that was trained with one of them, or convert with Applio"
        )
    return found


def _require_refinegan(
    name: str, shape: shapes.SynthesizerShape, tensors: Mapping[str, Sides]
) -> None:
    first = next(
        (
            sides
            for key, sides in tensors.items()
            if key.startswith("dec.pre_conv.") and len(sides) == 3
        ),
        None,
    )
    if first and first[0] == shape.initial // 2 != shape.refine_channels:
        raise ModelError(
            f"{name}: was made with RefineGAN as Applio 3.2.9 had it, which 3.3.0 replaced; train "
            "it again with "
            "a newer Applio, or convert with 3.2.9"
        )
    if not shape.has_pitch:
        raise ModelError(
            f"{name}: says that it was made with RefineGAN and without pitch, which no program "
            "makes"
        )


def shape_of(
    name: str, metadata: Mapping[str, Any], tensors: Mapping[str, Sides]
) -> shapes.SynthesizerShape:
    """The shape of the voice `name` from its metadata and the shapes of its tensors. ModelError if
    they do not fit."""
    vocoder = find_vocoder(name, metadata, tensors)
    if vits2 := next((key for key in tensors if any(part in key for part in _VITS2)), ""):
        raise ModelError(
            f"{name}: a VITS2 voice, as Codename-RVC-Fork trains them ({vits2[:33]}); only VITS1, "
            "RVC's own, is built "
            "here: convert it there"
        )
    config = metadata["config"]
    if isinstance(config, list | tuple) and len(config) == shapes.CONFIG_ITEMS + 1:
        # rvc-webui puts the channels, which the tensors have too, before the rate
        config = [*config[:-2], config[-1]]
    if not isinstance(config, list | tuple) or len(config) != shapes.CONFIG_ITEMS:
        raise ModelError(f"{name}: its config is no list of {shapes.CONFIG_ITEMS} items")
    _, _, latent, hidden, inner, heads, layers, kernel, _, kind, widths, dilations, *others = config
    rates, initial, kernels, speakers, gin, rate_hz = others
    if not isinstance(kind, int | str) or kind not in (1, "1"):
        raise ModelError(f"{name}: residual blocks of kind {short_repr(kind)}; known is 1")
    rate_hz = shapes.RATES.get(rate_hz, rate_hz) if isinstance(rate_hz, str) else rate_hz
    embeddings = tensors.get("emb_g.weight", ())
    shape = shapes.SynthesizerShape(
        version=_version(name, metadata, tensors),
        vocoder=vocoder,
        has_pitch=_has_pitch(name, metadata),
        rate_hz=_positive_int(name, "sample rate", rate_hz, MAX_HZ),
        # The config of merged and extracted files keeps the 109 of the base model, whatever they
        # hold.
        speakers=_positive_int(
            name, "speakers", embeddings[0] if len(embeddings) == 2 else speakers
        ),
        latent=_positive_int(name, "latent", latent),
        hidden=_positive_int(name, "hidden", hidden),
        filter=_positive_int(name, "filter", inner),
        heads=_positive_int(name, "heads", heads),
        layers=_positive_int(name, "layers", layers, 64),
        kernel=_positive_int(name, "kernel", kernel, 64),
        initial=_positive_int(name, "initial", initial),
        gin=_positive_int(name, "gin", gin),
        upsample_rates=_positive_ints(name, "upsample rates", rates),
        upsample_kernels=_positive_ints(name, "upsample kernels", kernels),
        resblock_kernels=_positive_ints(name, "resblock kernels", widths),
        resblock_dilations=tuple(
            _positive_ints(name, "resblock dilations", each) for each in _as_list(dilations)
        ),
    )
    _require_consistent(name, shape)
    layer = metadata.get(LAYER_KEY)
    ours = shapes.LAYERS[shape.version]
    if layer is not None and not (isinstance(layer, int | str) and layer in (ours, str(ours))):
        raise ModelError(
            f"{name}: was trained on layer {short_repr(layer)} of its speech encoder; voices with "
            f"{shape.content_channels} channels are run with layer {ours}: convert with rvc-webui"
        )
    if vocoder == "RefineGAN":
        _require_refinegan(name, shape, tensors)
    return shape


def _version(
    name: str, metadata: Mapping[str, Any], tensors: Mapping[str, Sides]
) -> shapes.Version:
    """The version named in the file, else the one that its tensors imply, else "v1"."""
    own = metadata.get("version")
    channels = tensors.get("enc_p.emb_phone.weight", (0,))[-1:]
    known = shapes.CONTENT_CHANNELS
    implied: shapes.Version | None = next(
        (version for version, wide in known.items() if (wide,) == channels), None
    )
    version: shapes.Version | None = next(
        (each for each in known if isinstance(own, str) and each == own), None
    )
    if own is not None and version is None:
        raise ModelError(f"{name}: version {short_repr(own)}; supported: v1 and v2")
    if implied and OTHER_KEY in metadata:  # there the version is that of the upsampling
        return implied
    if version and implied and version != implied:
        raise ModelError(
            f"{name}: calls itself {version}, but takes features of {channels[0]} channels, as "
            f"{implied} does"
        )
    return version or implied or "v1"


def _has_pitch(name: str, metadata: Mapping[str, Any]) -> bool:
    value = metadata.get("f0", 1)
    # str() only for these types: hostile nested lists could expand without limit.
    text = (
        str(value).lower()
        if isinstance(value, str) or (isinstance(value, int) and value in (0, 1))
        else ""
    )
    if text not in ("0", "1", "true", "false"):
        raise ModelError(f"{name}: f0 is {short_repr(value)}, not 0 or 1")
    return text in ("1", "true")


def _as_list(value: Any) -> list[Any]:
    return list(value[: MAX_STAGES + 1]) if isinstance(value, list | tuple) else [value]


def _positive_ints(name: str, what: str, values: Any) -> tuple[int, ...]:
    return tuple(_positive_int(name, what, value) for value in _as_list(values))


def _positive_int(name: str, what: str, value: Any, max_value: int = shapes.MAX_SIZE) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= max_value:
        raise ModelError(
            f"{name}: {what} of its config: {short_repr(value)} is not a whole number in "
            f"1..{max_value}"
        )
    return value


def _require_consistent(name: str, shape: shapes.SynthesizerShape) -> None:
    rates = shape.upsample_rates
    kernels = shape.upsample_kernels
    widths = shape.resblock_kernels
    level_count = len(rates) + (shape.vocoder == "RefineGAN")
    problems = {
        f"it has more than {MAX_STAGES} stages": max(len(rates), len(widths)) > MAX_STAGES,
        "the rates and kernels of its upsampling are not equally many": len(kernels) != len(rates),
        "the kernels and dilations of its residual blocks are not equally many": (
            len(widths) != len(shape.resblock_dilations)
        ),
        f"makes {shape.hop} samples of a frame, at {shape.rate_hz} Hz it has "
        f"{shape.rate_hz / 100:g}": (shape.hop * 100 != shape.rate_hz),
        f"{shape.hidden} hidden channels are no multiple of {shape.heads} heads": bool(
            shape.hidden % shape.heads
        ),
        f"{shape.latent} latent channels cannot be halved": bool(shape.latent % 2),
        f"{shape.initial} channels cannot be halved {level_count} times": shape.initial
        % 2**level_count
        > 0,
        "a kernel of its upsampling is shorter than its step, or odd where that is even": any(
            kernel < rate or (kernel - rate) % 2
            for rate, kernel in zip(rates, kernels, strict=False)
        ),
        "a kernel of its residual blocks is even": any(kernel % 2 == 0 for kernel in widths),
    }
    for problem, is_so in problems.items():
        if is_so:
            raise ModelError(f"{name}: its config makes no sense: {problem}")
