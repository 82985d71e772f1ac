"""One folder of presets: save, load, list, delete. `default`, `VAV original` and eight looks are built in."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import osc_schema
from engine import file_names
from engine.errors import PresetError
from engine.params.atomic_file import write_atomic
from engine.params.looks import LOOKS
from engine.params.preset_file import LoadedPreset, preset_text, read_preset
from osc_schema import Param, Value

SUFFIX = ".toml"
_FACTORY: dict[str, dict[str, Value]] = {
    "default": {},
    "VAV original": {
        "/multiverse/bias": 0.5,
        "/multiverse/tone": "clip",
        "/mirror/mode": "off",
        **{f"/layer/{n}/wrap": "repeat" for n in (1, 2, 3, 4)},
    },
    **LOOKS,
}
"""What each built-in preset changes against the schema's defaults."""
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


class PresetFolder:
    """Presets as files `NAME.toml`. Any thread, but none that must not wait: every method uses the disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def list(self) -> tuple[str, ...]:
        """Names of all presets: the built-in ones, then those of the folder, sorted."""
        return (*_FACTORY, *sorted(self._saved(), key=str.casefold))

    def has(self, name: str) -> bool:
        """Whether `load` would find it. PresetError for a name that is none, or a folder that cannot be read."""
        return is_factory(name) or clean_name(name) in self._saved()

    def save(self, name: str, values: Mapping[str, Value]) -> Path:
        """Write the stored parameters among `values`, over an older preset of that name; the file's path."""
        path = self._path_of(name)
        self._write(path, preset_text(clean_name(name), values, holds=is_stored))
        return path

    def load(self, name: str) -> LoadedPreset:
        """The preset, with what did not fit in `.problems`. PresetError when there is none to read."""
        if factory := _factory_name(name):
            return LoadedPreset(name=factory, values=list(_factory_values(factory).items()))
        file = self._existing(name)
        return dataclasses.replace(read_preset(file, holds=is_stored), name=clean_name(name))

    def delete(self, name: str) -> None:
        _refuse_factory(name)
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

    def _saved(self) -> dict[str, Path]:
        """Name -> file, of every file that could have been saved here."""
        try:
            files = [file for file in self.path.iterdir() if file.suffix == SUFFIX and file.is_file()]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise PresetError(f"{self.path}: cannot be read ({error.strerror or error})") from None
        saved = {}
        for file in files:
            try:
                name = clean_name(file.stem)
            except PresetError:  # hidden, or put there by hand under a name that cannot be asked for
                continue
            if not is_factory(name):
                saved[name] = file
        return saved

    def _existing(self, name: str) -> Path:
        clean = clean_name(name)
        saved = self._saved()
        if clean not in saved:
            known = ", ".join(self.list())
            raise PresetError(f"preset {clean!r}: not found in {self.path} (known: {known})")
        return saved[clean]

    def _path_of(self, name: str) -> Path:
        clean = clean_name(name)
        _refuse_factory(clean)
        return self.path / f"{clean}{SUFFIX}"

    def _write(self, path: Path, text: str) -> None:
        try:
            write_atomic(path, text)
        except OSError as error:
            raise PresetError(f"{path}: cannot be written ({error.strerror or error})") from None


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


def _refuse_factory(name: str) -> None:
    if is_factory(name):
        raise PresetError(f"preset {name!r}: is built in and cannot be changed; choose another name")
