"""Entries of the Stable Diffusion lists: each file's family, its sampler, and if it fits; read from
headers only.

`/sd/list` lists the models, `/sd/KIND/list` the parts that go with them. A summary is cached until
its file changes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psutil

from engine.live.kit.live_model import ListEntry, ListRequest
from engine.live.kit.refusing import names_in
from engine.live.sd.entry import (
    BUILD,
    CONTROLNET_FILES,
    IMAGES,
    LORA_FILES,
    SdConfig,
    pictures_folder,
)
from engine.live.sd.folders import MODELS, is_single_kind, models_in
from engine.live.sd.header_program import HeaderReader, Question
from engine.live.sd.link import spec_of
from engine.models.part_report import BYTES
from engine.models.sd.plan.families import FAMILIES
from engine.models.sd.plan.model_summary import ModelSummary
from engine.models.sd.spec import ModelSpec
from engine.sources.pictures import PICTURE_SUFFIXES

MIB: Final = 2**20
GIB: Final = 2**30
WORKSPACE_MB: Final = 256  # as in engine/models/card_memory.py, which decides in the child
MAX_CACHED: Final = 5000
MAX_FAULT: Final = 160  # characters of a reason in a list
_summaries: dict[Question, tuple[object, ModelSummary]] = {}
_one_at_a_time = threading.Lock()
"""Lists of several kinds are requested together, and each would start a process."""


def model_entries(at: str, request: ListRequest) -> Iterator[ListEntry]:
    """List the models for `/sd/list`, each with family, sampler and needed memory."""
    chosen = {at: str(request.value(at)) for at in BUILD}

    def question(path: str) -> Question:
        return Question(kind=MODELS, path=path, spec=spec_of(request.table, path, chosen))

    found = _read(MODELS, request.table, question)
    return request.models(
        BUILD[0], ((name, f"{name} ({_describe_model(request, each)})") for name, _, each in found)
    )


def part_entries(at: str, request: ListRequest) -> Iterator[ListEntry]:
    """List the parts of one kind for `/sd/KIND/list`, each with its family."""
    kind = at.rpartition("/")[2]
    used = {
        str(request.value(at))
        for at in {"loras": LORA_FILES, "controlnets": CONTROLNET_FILES}.get(kind, ())
    }
    family = FAMILIES.get(str(request.facts.get("family")), "")
    for name, folder, headline in _read(
        kind, request.table, lambda path: Question(kind=kind, path=path)
    ):
        if headline.fault and not is_single_kind(kind, folder):
            continue  # in a folder of all kinds the file is of another kind
        yield name, f"{name} ({_describe_part(headline, family)})", name in used


def picture_entries(at: str, request: ListRequest) -> Iterator[ListEntry]:
    """List the reference pictures for the IP-Adapter."""
    used = {str(request.value(image)) for image in IMAGES}
    for name in names_in([pictures_folder(request.table)], PICTURE_SUFFIXES):
        yield name, name, name in used


def _read(
    kind: str, config: SdConfig, question: Callable[[str], Question]
) -> Iterator[tuple[str, Path, ModelSummary]]:
    """Yield name, folder and summary of each model of a kind."""
    with _one_at_a_time, closing(HeaderReader()) as reader:
        for name, path in models_in(kind, config.folders).items():
            yield name, path.parent, _summary(reader, question, path)


def _summary(reader: HeaderReader, question: Callable[[str], Question], path: Path) -> ModelSummary:
    try:
        request = question(str(path))
        stamp = _stamp(path), *(_stamp(Path(part)) for part in _parts(request.spec))
    except (OSError, ValueError) as error:  # deleted meanwhile
        return ModelSummary(fault=str(error))
    if request in _summaries and _summaries[request][0] == stamp:
        return _summaries[request][1]
    headline = reader.read(request)
    if request.spec is None or not headline.fault:  # what a model lacks may be downloaded elsewhere
        while len(_summaries) >= MAX_CACHED:
            _summaries.pop(next(iter(_summaries)))
        _summaries[request] = stamp, headline
    return headline


def _parts(spec: ModelSpec | None) -> Iterator[str]:
    """The names of what a model is used with."""
    if spec is not None:
        named = (
            spec.vae,
            spec.unet,
            spec.ip_adapter,
            spec.image_encoder,
            *spec.controlnets,
            *spec.embeddings,
        )
        yield from (name for name in (*named, *(path for path, _ in spec.loras)) if name)


def _stamp(path: Path) -> object:
    """A value that changes with the file, or with any file of the folder; None for a name not on
    disk (an id)."""
    if path.is_dir():
        return [(str(each), _stamp(each)) for each in sorted(path.rglob("*")) if each.is_file()]
    if not path.exists():
        return None
    status = path.stat()
    return status.st_mtime_ns, status.st_size


# -- as text


def _describe_model(request: ListRequest, headline: ModelSummary) -> str:
    if headline.fault:
        return _fault(headline)
    phrases = [headline.family, headline.what]
    needed = headline.parameters * BYTES[_dtype(request.table, request.facts)]
    phrases.append(f"needs {needed / GIB:.1f} GiB")
    room = _room_bytes(request.facts)
    if room is not None and needed > room:
        phrases.append(f"more than the {max(room, 0) / GIB:.1f} GiB there are")
    return ", ".join(filter(None, phrases))


def _describe_part(headline: ModelSummary, family: str) -> str:
    if headline.fault:
        return _fault(headline)
    phrases = [f"for {headline.family}" if headline.family else "", headline.what]
    if family and headline.family and family not in _family_names(headline.family):
        phrases.append(f"not for this model, {family}")
    return ", ".join(filter(None, phrases)) or "for any model"


def _family_names(listed: str) -> set[str]:
    """Split the names of families: `SD 1.5 and 2.x` has two."""
    first, *others = listed.split(" and ")
    return {first, *(f"SD {other}" for other in others)}


def _fault(headline: ModelSummary) -> str:
    return f"cannot be used: {headline.fault[:MAX_FAULT]}"


def _dtype(config: SdConfig, facts: Any) -> str:
    """The data type of the weights; until the child has reported its own, that of the usual
    device."""
    if config.dtype != "auto":
        return config.dtype
    reported = str(facts.get("dtype", ""))
    return reported if reported in BYTES else "float32" if config.device == "cpu" else "float16"


def _room_bytes(facts: Any) -> int | None:
    """Memory available to a model that replaces the one in use; None if the device is not known
    yet."""
    if "device" not in facts:
        return None
    own = int(facts.get("memory_mb", 0)) * MIB
    if "card_free_mb" in facts:
        return (int(facts["card_free_mb"]) - WORKSPACE_MB) * MIB + own
    return own + int(psutil.virtual_memory().available)
