"""Checks a voice from file headers, in milliseconds: its kind and what is missing.

Does not load torch, and never executes code from a file.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.models.part_report import Missing, PartReport, Report, counted_part
from engine.models.pickle_file import TRAINING, PickledFile, read_pickle, refuse_code
from engine.models.rvc.content_folder import PROJECTION, find_content
from engine.models.rvc.embedder import ContentChoice, content_for
from engine.models.rvc.index_file import count_vectors
from engine.models.rvc.pitch import FCPE_INSTALL, choose
from engine.models.rvc.shapes import CONTENT_CHANNELS, Version
from engine.models.rvc.spec import VoiceSpec
from engine.models.rvc.tensor_layout import sources_of
from engine.models.rvc.voice_file import metadata_of, require_plain_values, require_voice, require_voice_file, shape_of
from engine.models.weight_files import Tensor, read_header


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceReport(Report):
    version: Version
    rate_hz: int
    """Sample rate of the output."""
    has_pitch: bool
    """True if the synthesizer takes a pitch."""
    speakers: int
    pitch: str
    """The pitch tracker: rmvpe, fcpe or yin."""
    vectors: int
    """Number of vectors in the index; 0 without an index."""

    @property
    def index_bytes(self) -> int:
        """Memory of the vectors during search, where they are float32."""
        return self.vectors * CONTENT_CHANNELS[self.version] * 4


def check(spec: VoiceSpec) -> VoiceReport:
    """Check a voice on disk.

    ModelError if `spec.model` is not found, or if its headers show that `read_checkpoint` would refuse it, with the
    same message. Every other problem is listed in the report.
    """
    return _Check(spec).report()


class _Check:
    def __init__(self, spec: VoiceSpec) -> None:
        self._spec = spec
        self._parts: list[PartReport] = []
        self._missing = Missing()
        self._notes: list[str] = []

    def report(self) -> VoiceReport:
        path = locate.find(self._spec.model, files=("*.pth",))
        metadata, tensors = _read_voice(path)
        shape = shape_of(str(path), metadata, tensors)
        sources = sources_of(str(path), shape, tensors)
        weights = {part: tensors[part] for source in sources.values() for part in source}
        self._parts.append(counted_part("synthesizer", weights, (str(path),)))
        with self._missing.listed():
            self._add_content(content_for(str(path), metadata, self._spec.content), shape.version)
        vectors = 0
        with self._missing.listed():
            vectors = self._count_vectors(shape.content_channels)
        return VoiceReport(
            model=self._spec.model,
            path=str(path),
            version=shape.version,
            rate_hz=shape.rate_hz,
            has_pitch=shape.has_pitch,
            speakers=shape.speakers,
            pitch=self._pitch(),
            vectors=vectors,
            parts=tuple(self._parts),
            missing=tuple(self._missing),
            notes=tuple(self._notes),
        )

    def _add_content(self, heard: ContentChoice, version: str) -> None:
        name = heard.content
        if heard.note:
            self._notes.append(heard.note)
        files = find_content(name).weights
        tensors: dict[str, Tensor] = {}
        for file in files:
            tensors |= read_header(file) if file.suffix == ".safetensors" else _pickled_content(file)
        if not any("encoder.layers.0." in key for key in tensors):
            raise ModelError(f"{name}: no HuBERT")
        if version == "v1" and f"{PROJECTION}weight" not in tensors:
            raise ModelError(f"{name}: has no final projection, which v1 voices need, and {self._spec.model} is v1")
        self._parts.append(counted_part("content", tensors, tuple(map(str, files))))

    def _count_vectors(self, channels: int) -> int:
        if self._spec.index_note:
            self._notes.append(self._spec.index_note)
        if not self._spec.index:
            return 0
        return count_vectors(locate.find(self._spec.index, files=("*.index",)), channels)

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
    """The file's metadata (`config`, `version`, `f0`), and its tensors."""
    require_voice_file(path)
    if path.suffix == ".safetensors":
        tensors = read_header(path)
        return metadata_of(path), tensors
    file = read_pickle(path)
    require_plain_values(path, file)
    return require_voice(str(path), file.value), file.tensors("weight")


def _pickled_content(file: Path) -> dict[str, Tensor]:
    read: PickledFile = read_pickle(file)
    refuse_code(file, [name for name in read.foreign if not TRAINING.fullmatch(name)], "HuBERT")
    return read.tensors("model") or read.tensors()
