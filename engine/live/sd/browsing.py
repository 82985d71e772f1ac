"""The lists of Stable Diffusion: the family of each file, how it is run, if it fits; from headers only.

`/sd/list` has the models, `/sd/KIND/list` what goes with them. What was read is kept until the file changes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import psutil

from engine.live.kit.live_model import ListAsked, ListEntry
from engine.live.kit.refusing import names_in
from engine.live.sd.entry import BUILD, CONTROLNET_FILES, IMAGES, LORA_FILES, SdConfig, pictures_of
from engine.live.sd.folders import MODELS, is_apart, models_in
from engine.live.sd.header_program import HeaderReader, Question
from engine.live.sd.link import spec_of
from engine.models.part_report import BYTES
from engine.models.sd.plan.families import FAMILIES
from engine.models.sd.plan.headline import Headline
from engine.models.sd.spec import ModelSpec
from engine.sources.pictures import PICTURE_SUFFIXES

MIB: Final = 2**20
GIB: Final = 2**30
WORKSPACE_MB: Final = 256  # as engine/models/card_memory.py, which the child asks in the end
MAX_KEPT: Final = 5000
MAX_FAULT: Final = 160  # characters of a reason in a list
_kept: dict[Question, tuple[object, Headline]] = {}
_one_at_a_time = threading.Lock()
"""Lists of several kinds are asked for together, and each would start a process."""


def model_entries(at: str, asked: ListAsked) -> Iterator[ListEntry]:
    chosen = {at: str(asked.value(at)) for at in BUILD}

    def question(path: str) -> Question:
        return Question(kind=MODELS, path=path, spec=spec_of(asked.table, path, chosen))

    found = _read(MODELS, asked.table, question)
    return asked.models(BUILD[0], ((name, f"{name} ({_of_model(asked, told)})") for name, _, told in found))


def part_entries(at: str, asked: ListAsked) -> Iterator[ListEntry]:
    kind = at.rpartition("/")[2]
    used = {str(asked.value(at)) for at in {"loras": LORA_FILES, "controlnets": CONTROLNET_FILES}.get(kind, ())}
    family = FAMILIES.get(str(asked.facts.get("family")), "")
    for name, folder, headline in _read(kind, asked.table, lambda path: Question(kind=kind, path=path)):
        if headline.fault and not is_apart(kind, folder):
            continue  # a folder of all kinds: it is of another
        yield name, f"{name} ({_of_part(headline, family)})", name in used


def picture_entries(at: str, asked: ListAsked) -> Iterator[ListEntry]:
    used = {str(asked.value(image)) for image in IMAGES}
    for name in names_in([pictures_of(asked.table)], PICTURE_SUFFIXES):
        yield name, name, name in used


def _read(kind: str, config: SdConfig, question: Callable[[str], Question]) -> Iterator[tuple[str, Path, Headline]]:
    """Name, folder and headline of all models of a kind."""
    with _one_at_a_time, closing(HeaderReader()) as reader:
        for name, path in models_in(kind, config.folders).items():
            yield name, path.parent, _headline(reader, question, path)


def _headline(reader: HeaderReader, question: Callable[[str], Question], path: Path) -> Headline:
    try:
        asked = question(str(path))
        stamp = _stamp(path), *(_stamp(Path(part)) for part in _parts(asked.spec))
    except (OSError, ValueError) as error:  # deleted meanwhile
        return Headline(fault=str(error))
    if asked in _kept and _kept[asked][0] == stamp:
        return _kept[asked][1]
    headline = reader.read(asked)
    if asked.spec is None or not headline.fault:  # what a model lacks may be downloaded elsewhere
        while len(_kept) >= MAX_KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[asked] = stamp, headline
    return headline


def _parts(spec: ModelSpec | None) -> Iterator[str]:
    """The names of what a model is used with."""
    if spec is not None:
        named = (spec.vae, spec.unet, spec.ip_adapter, spec.image_encoder, *spec.controlnets, *spec.embeddings)
        yield from (name for name in (*named, *(path for path, _ in spec.loras)) if name)


def _stamp(path: Path) -> object:
    """Differs once a file, or one in a folder, has changed; None for what is not on the disk, such as an id."""
    if path.is_dir():
        return [(str(each), _stamp(each)) for each in sorted(path.rglob("*")) if each.is_file()]
    if not path.exists():
        return None
    told = path.stat()
    return told.st_mtime_ns, told.st_size


# -- in words


def _of_model(asked: ListAsked, headline: Headline) -> str:
    if headline.fault:
        return _fault(headline)
    words = [headline.family, headline.what]
    needed = headline.parameters * BYTES[_dtype(asked.table, asked.facts)]
    words.append(f"needs {needed / GIB:.1f} GiB")
    room = _room_bytes(asked.facts)
    if room is not None and needed > room:
        words.append(f"more than the {max(room, 0) / GIB:.1f} GiB there are")
    return ", ".join(filter(None, words))


def _of_part(headline: Headline, family: str) -> str:
    if headline.fault:
        return _fault(headline)
    words = [f"for {headline.family}" if headline.family else "", headline.what]
    if family and headline.family and family not in _families(headline.family):
        words.append(f"not for this model, {family}")
    return ", ".join(filter(None, words)) or "for any model"


def _families(told: str) -> set[str]:
    """`SD 1.5 and 2.x` has two."""
    first, *others = told.split(" and ")
    return {first, *(f"SD {other}" for other in others)}


def _fault(headline: Headline) -> str:
    return f"cannot be used: {headline.fault[:MAX_FAULT]}"


def _dtype(config: SdConfig, facts: Any) -> str:
    """The data type of the weights; before the child has told, that of the usual device."""
    if config.dtype != "auto":
        return config.dtype
    told = str(facts.get("dtype", ""))
    return told if told in BYTES else "float32" if config.device == "cpu" else "float16"


def _room_bytes(facts: Any) -> int | None:
    """Memory for a model in place of the one in use; None if the device is not known yet."""
    if "device" not in facts:
        return None
    own = int(facts.get("memory_mb", 0)) * MIB
    if "card_free_mb" in facts:
        return (int(facts["card_free_mb"]) - WORKSPACE_MB) * MIB + own
    return own + int(psutil.virtual_memory().available)
