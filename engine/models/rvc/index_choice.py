"""Chooses the index for a voice if the user does not name one. Does not load torch.

RVC's WebUI writes `added_IVF256_Flat_nprobe_1_NAME_v2.index` (train/train_index.py) to `logs/NAME`,
and the voice, `NAME.pth` or `NAME_e200_s4000.pth`, to `weights` or `assets/weights`. Later versions
also link the index to `assets/indices/NAME_IVF256_Flat_nprobe_1_NAME_v2.index` (infer-web.py,
train_index). Applio writes `NAME.index` (rvc/train/process/extract_index.py) beside
`NAME_200e_4000s.pth`. The WebUI's `trained_*` files hold no vectors.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.models.not_a_model import shorten_names

NONE: Final = "none"
SUFFIX: Final = ".index"
OPTIONS: Final = "--index (run: --rvc-index), or index under [rvc]"

_AGE: Final = re.compile(r"(_e\d+(_s\d+)?|_\d+e(_\d+s)?)(_best_epoch)?$", re.IGNORECASE)
"""Training epoch and step in a file name, in the WebUI's and Applio's form."""
_ADDED: Final = re.compile(r"(.+_)?added_|(?!trained_).+_IVF\d+_Flat_nprobe_", re.IGNORECASE)
_TRAINED_AS: Final = re.compile(r"_nprobe_\d+_(?P<name>.+?)(_v\d)?$", re.IGNORECASE)
_STATE: Final = re.compile(r"[GD]_")
"""Prefix of training checkpoints of the WebUI and Applio, which are not voices."""


@dataclass(frozen=True, slots=True)
class IndexChoice:
    index: str = ""
    """The file; "" for none."""
    note: str = ""
    """Note on which index was chosen and why, or why none was; "" if there is no note."""


def for_other_voice(configured: str) -> str:
    """The index setting for a voice other than the configured one: `none` stays `none`, a file
    becomes ""."""
    return NONE if configured == NONE else ""


def setting_for(model: str, voice: str | None, index: str) -> str:
    """The index setting for `model`, if `index` is configured for `voice`."""
    return index if model == voice else for_other_voice(index)


def choose_index(model: str, index: str) -> IndexChoice:
    """The index to use with `model`: `index` if it is a file, no index if it is `none`. If `index`
    is empty, the first of these: the file with the voice's own name beside it; the `added_*.index`
    there that is named after it; the only index there, unless it is named after another voice
    there; the one in the WebUI's `logs` or `assets/indices`."""
    if index:
        return IndexChoice("" if index == NONE else index)
    voice = Path(model).expanduser()
    if not voice.is_file():
        return IndexChoice()
    name = _trained_name(voice)
    for stem in dict.fromkeys((voice.stem, name)):
        own = voice.parent / f"{stem}{SUFFIX}"
        if own.is_file():
            return _choice(own, "it has the voice's name")
    there = _files_in(voice.parent)
    if added := _added(there):
        return _of_added(voice, name, added, there)
    logs = _logs_of(voice, name)
    if logs is not None and (added := _added(_files_in(logs))):
        return _of_logs(name, added, logs)
    # the WebUI's, to all indices, beside the folder of the voices
    links = voice.absolute().parent.parent / "indices"
    linked = _trained_as(name, _added(_files_in(links))) if voice.parent.name == "weights" else []
    if len(linked) == 1:
        return _choice(linked[0], f"the only one of its name in {linked[0].parent}")
    others = [
        file
        for file in there
        if file.suffix == SUFFIX and not file.name.lower().startswith("trained_")
    ]
    return _no_choice("not the voice's name", others) if others else IndexChoice()


def _of_added(voice: Path, name: str, added: list[Path], there: list[Path]) -> IndexChoice:
    """Choose among one or more indices beside the voice."""
    named = _matching_name(name, added) or _matching_name(voice.stem, added)
    if len(added) == 1:
        others = {
            _trained_name(file)
            for file in there
            if file.suffix == voice.suffix and not _STATE.match(file.name)
        }
        if not named and any(_matching_name(other, added) for other in others):
            return _no_choice("named for another voice", added)
        return _choice(added[0], "the only one beside the voice")
    if len(named) == 1:
        return _choice(named[0], "the only one beside the voice with its name")
    if named:
        return _no_choice("more than one has the voice's name", named)
    return _no_choice("none has the voice's name", added)


def _of_logs(name: str, added: list[Path], logs: Path) -> IndexChoice:
    found = added if len(added) == 1 else _matching_name(name, added)
    if len(found) == 1:
        return _choice(found[0], f"the only one in {logs}")
    return _no_choice(f"more than one in {logs}", added)


def _choice(file: Path, why: str) -> IndexChoice:
    return IndexChoice(str(file), f"index: {file.name} ({why})")


def _no_choice(why: str, files: Sequence[Path]) -> IndexChoice:
    names = shorten_names([file.name for file in files])
    return IndexChoice(note=f"no index is used ({names}: {why}); name the right one with {OPTIONS}")


def _trained_name(voice: Path) -> str:
    """The voice's name in training: its stem without epoch and step."""
    return _AGE.sub("", voice.stem) or voice.stem


def _matching_name(name: str, added: list[Path]) -> list[Path]:
    """Indices trained under this name; if there are none, those that contain it as whole words."""
    pattern = re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)
    return _trained_as(name, added) or [file for file in added if pattern.search(file.stem)]


def _trained_as(name: str, added: list[Path]) -> list[Path]:
    own = name.casefold()
    return [
        file
        for file in added
        if (match := _TRAINED_AS.search(file.stem)) and match["name"].casefold() == own
    ]


def _added(files: list[Path]) -> list[Path]:
    return [file for file in files if file.suffix == SUFFIX and _ADDED.match(file.name)]


def _logs_of(voice: Path, name: str) -> Path | None:
    """The WebUI's training folder of a voice; None if the voice is not in the WebUI's folder."""
    if voice.parent.name != "weights":
        return None
    above = voice.absolute().parent.parent
    return (above.parent if above.name == "assets" else above) / "logs" / name


def _files_in(folder: Path) -> list[Path]:
    """The folder's files, sorted by name; [] if it cannot be read."""
    try:
        return sorted(file for file in folder.iterdir() if file.is_file())
    except OSError:
        return []
