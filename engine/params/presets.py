"""Saves, loads, lists and deletes presets in a folder. `default`, `VAV original` and the looks are
built in."""

import dataclasses
import logging
import os
import re
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import tomli_w

import osc_schema
from engine.errors import PresetError
from engine.params.looks import ENERGIES, LOOKS, PLAIN, STAYING
from engine.params.preset_file import LoadedPreset, preset_text, read_preset
from engine.params.replaced_presets import PICTURE_SUFFIX, SUFFIX, ReplacedPresets
from engine.params.store import entries_of
from engine.system import file_names
from engine.system.atomic_file import remove_file, replace_file
from engine.system.plain_text import some_of
from engine.system.small_file import read_small
from engine.system.stored_file import StoredFile
from engine.system.translate_errors import reason_of, refused
from osc_schema import Param, Value

MAX_COMPARED = 300  # names compared with an unknown one, of the nearest length: 10 ms
_OWN_NAME = re.compile(r"^name = .*$", re.MULTILINE)
_log = logging.getLogger(__name__)
_FACTORY: dict[str, dict[str, Value]] = {
    "default": {},
    "VAV original": {
        **PLAIN,
        "/multiverse/bias": 0.5,
        "/multiverse/tone": "clip",
        # Lower than the original's 2.5, at which the picture was white, without visible stripes.
        "/multiverse/brightness": 1.2,
        **{f"/layer/{n}/intensity": 0.5 for n in (1, 2, 3, 4)},
        "/mirror/mode": "off",
        **{f"/layer/{n}/wrap": "repeat" for n in (1, 2, 3, 4)},
    },
    **LOOKS,
}
"""The values of each built-in preset that differ from the schema's defaults."""
Values = Mapping[str, Value]
Inputs = Mapping[str, str]
NO_INPUTS: Inputs = MappingProxyType({})
FACTORY_NAMES = tuple(_FACTORY)
_SPELLED = {name.casefold(): name for name in FACTORY_NAMES}
_LOOK_AREAS = frozenset(
    {
        "mode",
        "multiverse",
        "colour",
        "layer",
        "feedback",
        "mirror",
        "text",
        "post",
        "fx",
        "mod",
        "lfo",
    }
)


def is_stored(param: Param) -> bool:
    return param.stored


def clean_name(name: str) -> str:
    """`name` in Unicode NFC. PresetError if it is not a valid file name on every system."""
    try:
        return file_names.clean_name(name)
    except ValueError as reason:
        short_name = (
            name
            if len(name) <= file_names.MAX_CHARACTERS
            else f"{name[: file_names.MAX_CHARACTERS]}..."
        )
        raise PresetError(f"preset {short_name!r}: {reason}") from None


def is_factory(name: str) -> bool:
    """True if a preset of that name is built in; ignores case, as some file systems do."""
    return name.casefold() in _SPELLED


def spelled(name: str, names: Collection[str]) -> str:
    """The clean `name`, or the one of `names` that differs in case only: Windows and Macs take both
    for one file. Where several do, as a folder of Linux may have them, it stays as it is."""
    clean = clean_name(name)
    found = (
        []
        if clean in names
        else [each for each in names if file_names.folded(each) == file_names.folded(clean)]
    )
    return found[0] if len(found) == 1 else clean


def factory_preset(name: str) -> LoadedPreset | None:
    """The built-in preset of that name, ignoring case, or None."""
    found = _SPELLED.get(name.casefold())
    if found is None:
        return None
    values = entries_of(_factory_values(found).items())
    return LoadedPreset(name=found, values=values, energy=ENERGIES.get(found))


def refuse_factory(name: str) -> None:
    """Raise PresetError if a preset of that name is built in."""
    if is_factory(name):
        raise PresetError(
            f"preset {name!r}: is built in and cannot be changed; choose another name"
        )


def not_found_error(name: str, folder: Path, names: Sequence[str]) -> PresetError:
    """The error for an unknown name, with the most similar known one."""
    import difflib  # imported here: most starts do not need it

    near = sorted(names, key=lambda one: abs(len(one) - len(name)))[:MAX_COMPARED]
    known = {one.casefold(): one for one in near}
    alike = difflib.get_close_matches(name.casefold(), known, 1)
    nearest = f"nearest: {known[alike[0]]}; " if alike else ""
    return PresetError(f"preset {name!r}: not found in {folder} ({nearest}known: {some_of(names)})")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """Identity of a preset's file. Two equal ones: the file has not changed."""

    path: str
    """Text: a `Path` would double the time in which thousands are polled."""
    mtime_ns: int
    size: int
    inode: int
    """0 if the system has none."""


class PresetFolder:
    """Presets as files `NAME.toml`, with pictures `NAME.jpg`. Overwritten and deleted presets are
    moved to `replaced`, and `restore` brings them back. Every method uses the disk, so do not call
    them on a thread that must not wait."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._replaced = ReplacedPresets(self.path)

    def list(self) -> tuple[str, ...]:
        """Names of all presets: the built-in ones, then those in the folder, sorted."""
        return (*FACTORY_NAMES, *sorted(self.files(), key=str.casefold))

    def has(self, name: str) -> bool:
        """True if `load` would find it. PresetError for an invalid name or a folder that cannot be
        read."""
        files = self.files()
        return is_factory(name) or spelled(name, files) in files

    def save(
        self, name: str, values: Values, inputs: Inputs = NO_INPUTS, energy: float | None = None
    ) -> Path:
        """Like `replace`; returns the file's path."""
        self.replace(name, values, inputs, energy)
        return self._target(name)[1]

    def replace(
        self,
        name: str,
        values: Values,
        inputs: Inputs = NO_INPUTS,
        energy: float | None = None,
        *,
        is_spelled: bool = False,
    ) -> bool:
        """Write the stored parameters among `values`. True if an older one, with its picture, moved
        to `replaced`. `is_spelled`, here and below: the name has the case of its file, so the
        folder need not be read."""
        name, path = self._target(name, is_spelled)
        text = preset_text(name, values, holds=is_stored, inputs=inputs, energy=energy)
        is_another = path.is_file() and not _holds(path, text)
        if is_another:
            self._put_aside(name, path)
        _file(path).write(text)
        if is_another:
            _try_picture(lambda: remove_file(path.with_suffix(PICTURE_SUFFIX), missing_ok=True))
        return is_another

    def restore(self, name: str) -> LoadedPreset:
        """Bring back the preset of that name that was overwritten or deleted last, with its
        picture. The present one moves to `replaced`, so that a second call undoes the first.
        PresetError, without change, if there is none."""
        name, path = self._target(name)
        with refused(f"{self._replaced.path}: cannot be read", PresetError):
            replaced = self._replaced.newest(name)
        if replaced is None or (replaced.name != name and replaced.name in self.files()):
            raise PresetError(
                f"preset {name!r}: no overwritten or deleted preset is kept under this name"
            )
        if not path.is_file():
            name, path = self._target(replaced.name)
        loaded = self.read(name, replaced.path)
        if path.is_file():
            self._put_aside(name, path)
        picture = path.with_suffix(PICTURE_SUFFIX)
        with refused(f"{path}: cannot be brought back", PresetError):
            replace_file(replaced.path, path)
        if replaced.picture.is_file():
            _try_picture(lambda: replace_file(replaced.picture, picture))
        else:
            _try_picture(lambda: remove_file(picture, missing_ok=True))
        return loaded

    def save_picture(self, name: str, jpeg: bytes, *, is_spelled: bool = False) -> None:
        """Write the picture of a preset, replacing an older one."""
        _file(self._target(name, is_spelled)[1].with_suffix(PICTURE_SUFFIX)).write(jpeg)

    def pictures(self) -> dict[str, SavedFile]:
        """All pictures, by the name of their preset. PresetError if the folder cannot be read."""
        return self._files(PICTURE_SUFFIX)

    def load(self, name: str) -> LoadedPreset:
        """The preset, with its invalid entries in `.problems`. PresetError if it cannot be read."""
        return factory_preset(name) or self.read(*self._existing(name))

    def read(self, name: str, file: Path) -> LoadedPreset:
        """Read a preset from a file of `files`. PresetError if it cannot be used."""
        return dataclasses.replace(read_preset(file, holds=is_stored), name=clean_name(name))

    def delete(self, name: str, *, is_spelled: bool = False) -> None:
        refuse_factory(name)
        name, path = self._existing(name, is_spelled)
        self._put_aside(name, path)
        with refused(f"{path}: cannot be deleted", PresetError):
            remove_file(path)
        _try_picture(lambda: remove_file(path.with_suffix(PICTURE_SUFFIX), missing_ok=True))

    def rename(self, name: str, new: str) -> tuple[str, str]:
        """Rename a preset, with its picture. Returns both names as they are spelled. PresetError,
        without any change, if it is missing or built in, or if the new name is taken."""
        refuse_factory(name)
        (old, path), renamed = self._existing(name), clean_name(new)
        refuse_factory(renamed)
        if existing := next(
            (at for at in self.files() if at.casefold() == renamed.casefold() and at != old), None
        ):
            raise PresetError(f"preset {existing!r}: exists already; choose another name")
        try:
            text = read_small(path).decode()
            _file(path).write(
                _OWN_NAME.sub(lambda match: tomli_w.dumps({"name": renamed}).strip(), text, count=1)
            )
            replace_file(path, target := self.path / f"{renamed}{SUFFIX}")
        except (OSError, UnicodeDecodeError) as error:
            raise PresetError(f"{path}: cannot be renamed ({reason_of(error)})") from None
        picture = path.with_suffix(PICTURE_SUFFIX)
        if picture.is_file():
            _try_picture(lambda: replace_file(picture, target.with_suffix(PICTURE_SUFFIX)))
        return old, renamed

    def export_text(self, name: str) -> str:
        """The text of a file with the complete, checked preset; also for built-in ones."""
        loaded = self.load(name)
        values = loaded.by_address()
        return preset_text(
            loaded.name, values, holds=is_stored, inputs=loaded.inputs, energy=loaded.energy
        )

    def import_file(
        self, file: Path, name: str | None = None, *, overwrite: bool = False
    ) -> LoadedPreset:
        """Copy a preset file into this folder, under `name` or its own, without its invalid
        entries. PresetError if the name exists; `overwrite` replaces that preset, unless it is
        built in."""
        loaded = read_preset(file, holds=is_stored)
        name = name or loaded.name
        if is_factory(name):
            raise PresetError(
                f"preset {name!r}: is built in; keep this one under another name with --name NAME"
            )
        if self.has(name) and not overwrite:
            raise PresetError(f"preset {name!r}: exists already; --overwrite replaces it")
        self.save(name, loaded.by_address(), loaded.inputs, loaded.energy)
        return loaded

    def files(self) -> dict[str, SavedFile]:
        """All preset files by name. PresetError if the folder cannot be read."""
        return self._files(SUFFIX)

    def _files(self, suffix: str) -> dict[str, SavedFile]:
        files: list[SavedFile] = []
        cannot_be_read = refused(f"{self.path}: cannot be read", PresetError)
        with cannot_be_read, suppress(FileNotFoundError), os.scandir(self.path) as entries:
            files = [file for entry in entries if (file := _saved_file(entry, suffix)) is not None]
        saved = {}
        for file in files:
            try:
                name = clean_name(os.path.basename(file.path).removesuffix(suffix))
            except PresetError:  # hidden, or copied there under an invalid name
                continue
            if not is_factory(name):
                saved[name] = file
        return saved

    def _existing(self, name: str, is_spelled: bool = False) -> tuple[str, Path]:
        name, path = self._target(name, is_spelled)
        if path.is_file():
            return name, path
        saved = self.files()  # its name may be written in another form of Unicode
        name = spelled(name, saved)
        if name not in saved:
            raise not_found_error(name, self.path, self.list())
        return name, Path(saved[name].path)

    def _target(self, name: str, is_spelled: bool = False) -> tuple[str, Path]:
        refuse_factory(clean_name(name))
        name = name if is_spelled else spelled(name, self.files())
        return name, self.path / f"{name}{SUFFIX}"

    def _put_aside(self, name: str, path: Path) -> None:
        with refused(
            f"{path}: not changed: it cannot be copied to {self._replaced.path}", PresetError
        ):
            self._replaced.put_aside(name, path, path.with_suffix(PICTURE_SUFFIX))


def _file(path: Path) -> StoredFile:
    return StoredFile(path, "preset", PresetError)


def _try_picture(follow: Callable[[], None]) -> None:
    """Update a picture after its preset was written. Only logs a failure, such as one that a viewer
    holds open."""
    try:
        follow()
    except OSError as error:
        _log.warning(
            "%s: still shows the earlier preset (%s)", error.filename, error.strerror or error
        )


def _holds(path: Path, text: str) -> bool:
    """True if the file holds exactly this text."""
    content = text.encode()
    try:
        return path.stat().st_size == len(content) and read_small(path) == content
    except OSError:
        return False


def _saved_file(entry: os.DirEntry[str], suffix: str) -> SavedFile | None:
    """The file of a folder entry, or None if it is not a regular file (reading a pipe never ends)
    or is missing."""
    if not entry.name.endswith(suffix):
        return None
    try:
        status = entry.stat()
    except OSError:  # deleted meanwhile, or a broken link
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return SavedFile(
        path=entry.path, mtime_ns=status.st_mtime_ns, size=status.st_size, inode=status.st_ino
    )


def _factory_values(name: str) -> dict[str, Value]:
    """The values of a built-in preset. `default` sets everything; a look does not change the inputs
    and their setup: the camera on layer 5, text 2, the logo, the live models, the region map, the
    sound."""

    def is_included(param: Param) -> bool:
        is_of_a_look = param.area in _LOOK_AREAS and not param.address.startswith(STAYING)
        return param.stored and (is_of_a_look or name == "default")

    return {
        param.address: param.default for param in osc_schema.PARAMS if is_included(param)
    } | _FACTORY[name]
