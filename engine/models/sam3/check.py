"""Checks a SAM3 folder from file headers, in milliseconds: its kind, and what is missing. Does not
load torch."""

from dataclasses import dataclass

from engine.models.libraries import require_libraries
from engine.models.part_report import ModelReport, PartReport, Problems, describe_part
from engine.models.quantized import quantized_note
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.meta_file import open_model
from engine.models.sam3.model_folder import Sam3Folder, find
from engine.models.tensor_file import TensorInfo

# Tensor name prefixes by part. In a folder with only the detector, names lack "detector_model.".
# Tensors that match no prefix belong to the detector.
DETECTOR = "detector_model."
PARTS = {
    "vision": ("vision_encoder.",),
    "text": ("text_encoder.", "text_projection."),
    "detector": ("",),
}
TRACKER = ("tracker_model.", "tracker_neck.", "interactive_neck.")
NO_TRACKER = (
    "no tracker: detects objects in each picture, but cannot track them (mode track); "
    "facebook/sam3 has one"
)


@dataclass(slots=True, kw_only=True)
class SegmentationReport(ModelReport):
    kind: str
    """sam3_video: detector and tracker; sam3 and sam3_lite_text: only the detector."""


def check(spec: SegmentationSpec) -> SegmentationReport:
    """Check a model folder. ModelError if it is not found or not SAM3; every other problem is in
    the report."""
    require_libraries()
    path = find(spec.model)
    folder = open_model(path, spec.model)
    missing = Problems()
    parts: tuple[PartReport, ...] = ()
    with missing.collect():
        folder.require_resolution(spec.resolution)
    with missing.collect():
        folder.require_tokenizer()
    with missing.collect():
        parts = _parts(folder)
        absent = (
            {"vision", "text", "detector", "tracker"} if folder.kind == "sam3_video" else set(PARTS)
        )
        for name in sorted(absent - {part.name for part in parts}):
            missing.append(f"{folder.name}: the weights of the {name} are not in its files")
    return SegmentationReport(
        model=spec.model,
        path=path,
        kind=folder.kind,
        parts=parts,
        missing=tuple(missing),
        notes=notes_of(folder),
    )


def notes_of(folder: Sam3Folder) -> tuple[str, ...]:
    """Notes for the user about a folder whose `weights` were read."""
    notes = (*folder.notes, *quantized_note(folder.name, folder.quantized.values()))
    return notes if folder.kind == "sam3_video" else (*notes, NO_TRACKER)


def _parts(folder: Sam3Folder) -> tuple[PartReport, ...]:
    tensors: dict[str, dict[str, TensorInfo]] = {name: {} for name in (*PARTS, "tracker")}
    for name, tensor in folder.weights().items():
        tensors[_part_of(name)][name] = tensor
    files = folder.files()
    return tuple(describe_part(part, own, *files) for part, own in tensors.items() if own)


def _part_of(tensor: str) -> str:
    if tensor.startswith(TRACKER):
        return "tracker"
    return next(
        part for part, starts in PARTS.items() if tensor.removeprefix(DETECTOR).startswith(starts)
    )
