"""What a voice is, what it needs and what is missing, told from file headers in milliseconds. Does not load torch and
runs nothing of a file."""

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.part_report import Missing, PartReport, Report, counted_part
from engine.models.safetensors_header import Tensor, read_header, read_metadata
from engine.models.voice.content_folder import PROJECTION, find_content
from engine.models.voice.index_file import demand_width, index_size
from engine.models.voice.pickle_file import TRAINING, PickledFile, read_pickle, shown
from engine.models.voice.pitch import FCPE_INSTALL, choose
from engine.models.voice.shapes import CONTENT_CHANNELS, RATES, Version
from engine.models.voice.spec import VoiceSpec

HIGHEST_HZ: Final = 400_000
PITCHED: Final = {"1": True, "true": True, "True": True, "0": False, "false": False, "False": False}
TRAINING_ONLY: Final = "enc_q."


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceReport(Report):
    version: Version
    rate_hz: int
    """Of the sound it makes."""
    has_pitch: bool
    """Whether it is told how high to speak."""
    speakers: int
    pitch: str
    """What finds the pitch: rmvpe, fcpe or yin."""
    vectors: int
    """In the index; 0 without one."""

    @property
    def index_bytes(self) -> int:
        """Of the vectors where they are searched: float32 always."""
        return self.vectors * CONTENT_CHANNELS[self.version] * 4


def check(spec: VoiceSpec) -> VoiceReport:
    """Of a voice on disk. ModelError where `spec.model` is not found or is no voice of RVC, or would run something; all
    else that is wrong is in the report."""
    return _Check(spec).report()


class _Check:
    def __init__(self, spec: VoiceSpec) -> None:
        self._spec = spec
        self._parts: list[PartReport] = []
        self._missing = Missing()
        self._notes: list[str] = []

    def report(self) -> VoiceReport:
        path = locate.find(self._spec.model, files=("*.pth",))
        told, tensors = _read_voice(path)
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(TRAINING_ONLY)}
        version = _version(path, told, weights)
        self._parts.append(counted_part("synthesizer", weights, (str(path),)))
        with self._missing.listed():
            self._add_content(version)
        vectors = 0
        with self._missing.listed():
            vectors = self._count_vectors(CONTENT_CHANNELS[version])
        speakers = weights.get("emb_g.weight")
        return VoiceReport(
            model=self._spec.model,
            path=str(path),
            version=version,
            rate_hz=_rate_hz(path, told),
            has_pitch=_has_pitch(path, told),
            speakers=speakers.shape[0] if speakers is not None and speakers.shape else 0,
            pitch=self._pitch(),
            vectors=vectors,
            parts=tuple(self._parts),
            missing=tuple(self._missing),
            notes=tuple(self._notes),
        )

    def _add_content(self, version: str) -> None:
        name = self._spec.content
        files = find_content(name).weights
        tensors: dict[str, Tensor] = {}
        for file in files:
            tensors |= read_header(file) if file.suffix == ".safetensors" else _pickled_content(file)
        if not any("encoder.layers.0." in key for key in tensors):
            raise ModelError(f"{name}: no HuBERT")
        if version == "v1" and f"{PROJECTION}weight" not in tensors:
            raise ModelError(f"{name}: has no final projection, which a v1 voice needs; {self._spec.model} is one")
        self._parts.append(counted_part("content", tensors, tuple(map(str, files))))

    def _count_vectors(self, channels: int) -> int:
        if not self._spec.index:
            return 0
        path = locate.find(self._spec.index, files=("*.index",))
        demand_width(path, channels)
        return index_size(path)[0]

    def _pitch(self) -> str:
        choice = choose(self._spec)
        if choice.reason:
            self._notes.append(choice.reason)
        if choice.name == "fcpe" and importlib.util.find_spec("torchfcpe") is None:
            self._missing.append(f"pitch fcpe: torchfcpe is not installed; {FCPE_INSTALL}")
        if choice.name == "rmvpe":
            with self._missing.listed():
                locate.find(self._spec.rmvpe, files=())
        return choice.name


def _read_voice(path: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """What the file says of itself (`config`, `version`, `f0`), and its tensors."""
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; a voice is a .pth or .safetensors file")
    if path.suffix == ".safetensors":
        told: dict[str, Any] = dict(read_metadata(path))
        try:
            told["config"] = json.loads(told.get("config", "null"))
        except (ValueError, RecursionError):
            told["config"] = None
        tensors = read_header(path)
    else:
        file = read_pickle(path)
        _refuse(path, file.foreign, "voice")
        told, tensors = file.value if isinstance(file.value, dict) else {}, file.tensors("weight")
    if not isinstance(told.get("config"), list | tuple) or not told["config"] or not tensors:
        what = "a training checkpoint: extract the voice from it with RVC first" if "model" in told else "no RVC voice"
        raise ModelError(f"{path}: {what} (needs `weight` and `config`)")
    return told, tensors


def _version(path: Path, told: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Version:
    """As the file says, or by the width of the features that it takes."""
    features = weights.get("enc_p.emb_phone.weight")
    version = told.get("version") or ("v2" if features is not None and features.shape[-1:] == (768,) else "v1")
    if version not in ("v1", "v2"):
        raise ModelError(f"{path}: version {shown(version)}; known are v1 and v2")
    return version


def _rate_hz(path: Path, told: Mapping[str, Any]) -> int:
    rate = told["config"][-1]
    rate = RATES.get(rate, rate) if isinstance(rate, str) else rate
    if not isinstance(rate, int) or not 0 < rate <= HIGHEST_HZ:
        raise ModelError(f"{path}: its config ends in {shown(rate)}, not in a sample rate")
    return rate


def _has_pitch(path: Path, told: Mapping[str, Any]) -> bool:
    pitched = told.get("f0", 1)
    if not isinstance(pitched, int | str) or pitched not in (0, 1, *PITCHED):
        raise ModelError(f"{path}: f0 is neither 0 nor 1")
    return bool(PITCHED.get(pitched, pitched))


def _pickled_content(file: Path) -> dict[str, Tensor]:
    read: PickledFile = read_pickle(file)
    _refuse(file, tuple(name for name in read.foreign if not TRAINING.fullmatch(name)), "HuBERT")
    return read.tensors("model") or read.tensors()


def _refuse(file: Path, names: tuple[str, ...], what: str) -> None:
    if names:
        raise ModelError(f"{file}: refused: it would run {names[0]}, which no {what} needs")
