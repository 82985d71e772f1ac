"""One folder of presets: save, load, list, delete. `default`, `VAV original` and eight looks are built in."""

import dataclasses
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import osc_schema
from engine import file_names
from engine.atomic_file import write_atomic
from engine.errors import PresetError
from engine.params.looks import LOOKS, PLAIN
from engine.params.preset_file import LoadedPreset, preset_text, read_preset
from osc_schema import Param, Value

SUFFIX = ".toml"
_FACTORY: dict[str, dict[str, Value]] = {
    "default": {},
    "VAV original": {
        **PLAIN,
        "/multiverse/bias": 0.5,
        "/multiverse/tone": "clip",
        # Tempered: at brightness 2.5 the original was white all over, and nothing of its stripes was seen.
        "/multiverse/brightness": 1.2,
        **{f"/layer/{n}/intensity": 0.5 for n in (1, 2, 3, 4)},
        "/mirror/mode": "off",
        **{f"/layer/{n}/wrap": "repeat" for n in (1, 2, 3, 4)},
    },
    **LOOKS,
}
"""What each built-in preset changes against the schema's defaults. PLAIN holds all in which these differ from it."""
FACTORY_NAMES = tuple(_FACTORY)
_LOOK_AREAS = frozenset({"mode", "multiverse", "colour", "layer", "feedback", "mirror", "mod", "lfo"})


def is_stored(param: Param) -> bool:
    return param.stored


def clean_name(name: str) -> str:
    """`name` in Unicode NFC, if every system takes it as a file name; else PresetError says why."""
    try:
        return file_names.clean_name(name)
    except ValueError as reason:
        shown = name if len(name) <= file_names.LONGEST_CHARACTERS else f"{name[: file_names.LONGEST_CHARACTERS]}..."
        raise PresetError(f"preset {shown!r}: {reason}") from None


def is_factory(name: str) -> bool:
    return _factory_name(name) is not None


def factory_preset(name: str) -> LoadedPreset | None:
    """The built-in preset of that name, in any case of letters."""
    known = _factory_name(name)
    return None if known is None else LoadedPreset(name=known, values=list(_factory_values(known).items()))


def refuse_factory(name: str) -> None:
    """PresetError where a preset of that name is built in."""
    if is_factory(name):
        raise PresetError(f"preset {name!r}: is built in and cannot be changed; choose another name")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """A preset's file. Equal to what it was before: nobody has changed it."""

    path: Path
    mtime_ns: int
    size: int
    inode: int
    """0 where the system does not tell."""


class PresetFolder:
    """Presets as files `NAME.toml`. Any thread, but none that must not wait: every method uses the disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def list(self) -> tuple[str, ...]:
        """Names of all presets: the built-in ones, then those of the folder, sorted."""
        return (*FACTORY_NAMES, *sorted(self.files(), key=str.casefold))

    def has(self, name: str) -> bool:
        """Whether `load` would find it. PresetError for a name that is none, or a folder that cannot be read."""
        return is_factory(name) or clean_name(name) in self.files()

    def save(self, name: str, values: Mapping[str, Value]) -> Path:
        """Write the stored parameters among `values`, over an older preset of that name; the file's path."""
        path = self._path_of(name)
        self._write(path, preset_text(clean_name(name), values, holds=is_stored))
        return path

    def load(self, name: str) -> LoadedPreset:
        """The preset, with what did not fit in `.problems`. PresetError when there is none to read."""
        return factory_preset(name) or self.read(name, self._existing(name))

    def read(self, name: str, file: Path) -> LoadedPreset:
        """The preset of that name, of a file as `files` tells it. PresetError when it cannot be used."""
        return dataclasses.replace(read_preset(file, holds=is_stored), name=clean_name(name))

    def delete(self, name: str) -> None:
        refuse_factory(name)
        path = self._existing(name)
        try:
            path.unlink()
        except OSError as error:
            raise PresetError(f"{path}: cannot be deleted ({error.strerror or error})") from None

    def export_text(self, name: str) -> str:
        """The preset as the text of a file, checked and complete; also of a built-in one."""
        loaded = self.load(name)
        return preset_text(loaded.name, dict(loaded.values), holds=is_stored)

    def import_file(self, file: Path, name: str | None = None, *, overwrite: bool = False) -> LoadedPreset:
        """Save a preset file from elsewhere here, under `name` or its own, without what does not fit.

        PresetError where there is one of that name; `overwrite` replaces it, unless it is built in.
        """
        loaded = read_preset(file, holds=is_stored)
        name = name or loaded.name
        if is_factory(name):
            raise PresetError(f"preset {name!r}: is built in; keep this one under another name with --name NAME")
        if self.has(name) and not overwrite:
            raise PresetError(f"preset {name!r}: exists already; --overwrite replaces it")
        self.save(name, dict(loaded.values))
        return loaded

    def files(self) -> dict[str, SavedFile]:
        """By name every file that could have been saved here. PresetError when the folder cannot be read."""
        try:
            with os.scandir(self.path) as entries:
                files = [file for entry in entries if (file := _saved_file(entry)) is not None]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise PresetError(f"{self.path}: cannot be read ({error.strerror or error})") from None
        saved = {}
        for file in files:
            try:
                name = clean_name(file.path.stem)
            except PresetError:  # hidden, or put there by hand under a name that cannot be asked for
                continue
            if not is_factory(name):
                saved[name] = file
        return saved

    def _existing(self, name: str) -> Path:
        clean = clean_name(name)
        saved = self.files()
        if clean not in saved:
            known = ", ".join(self.list())
            raise PresetError(f"preset {clean!r}: not found in {self.path} (known: {known})")
        return saved[clean].path

    def _path_of(self, name: str) -> Path:
        clean = clean_name(name)
        refuse_factory(clean)
        return self.path / f"{clean}{SUFFIX}"

    def _write(self, path: Path, text: str) -> None:
        try:
            write_atomic(path, text)
        except OSError as error:
            raise PresetError(f"{path}: cannot be written ({error.strerror or error})") from None


def _saved_file(entry: os.DirEntry[str]) -> SavedFile | None:
    """None where it is no regular file, or just went: a pipe of that name would never end."""
    if not entry.name.endswith(SUFFIX):
        return None
    try:
        told = entry.stat()
    except OSError:  # FileNotFoundError, or a link that leads nowhere
        return None
    if not stat.S_ISREG(told.st_mode):
        return None
    return SavedFile(path=Path(entry.path), mtime_ns=told.st_mtime_ns, size=told.st_size, inode=told.st_ino)


def _factory_name(name: str) -> str | None:
    """The built-in preset meant. In any case of letters: some disks take Default and default for one file."""
    return next((known for known in _FACTORY if known.casefold() == name.casefold()), None)


def _factory_values(name: str) -> dict[str, Value]:
    """`default` is a fresh start. A look leaves alone what comes in from outside and is set up for a night: the camera
    on layer 5, Stable Diffusion and its prompt, the region map, the sound."""
    held = [param for param in osc_schema.PARAMS if param.stored and (name == "default" or _is_of_a_look(param))]
    return {param.address: param.default for param in held} | _FACTORY[name]


def _is_of_a_look(param: Param) -> bool:
    return param.area in _LOOK_AREAS and not param.address.startswith("/layer/5/")
