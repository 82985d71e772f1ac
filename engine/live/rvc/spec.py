"""The voice that a child must load, from the configuration, and a check that all its files exist."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import osc_schema
from engine.config import RvcConfig
from engine.models.libraries import require_libraries
from engine.models.rvc import VoiceSpec
from engine.models.rvc.index_choice import IndexChoice, for_another, index_for
from engine.system.file_names import clean_name

MODEL: Final = "/rvc/model"
BUILT: Final = (MODEL, "/rvc/f0", "/rvc/fp16", "/rvc/gpu_retrieval")
"""Addresses of the parameters that are fixed when the model is loaded. Changing one of them needs a new process."""

AS_DECLARED: Final[dict[str, Any]] = {
    param.address: param.default for param in osc_schema.PARAMS if param.address in BUILT
}


def files_named(config: RvcConfig, name: str) -> tuple[str, IndexChoice]:
    """Path of the named model in the first model folder that contains it, and its index (see `index_for`). "" gives the
    configured pair. Raises ValueError with the reason if there is no such model."""
    if not name:
        return config.model, index_for(config.model, config.index)
    if not config.folders:
        raise ValueError('no model folders are configured: set folders = ["..."] under [rvc]')
    name = clean_name(name)
    for folder in config.folders:
        model = Path(folder).expanduser() / name
        if model.is_file():
            return str(model), index_for(str(model), for_another(config.index))
    raise ValueError(f"is not in {', '.join(config.folders)}")


def spec_of(config: RvcConfig, build: Mapping[str, Any] = AS_DECLARED) -> VoiceSpec:
    """The spec of the voice with the values of `build` (parameters in BUILT, by address).

    Reads the disk. Raises ValueError like `files_named`. The child decides on which device the index is searched.
    """
    model, index = files_named(config, build[MODEL])
    return VoiceSpec(
        model=_absolute(model),
        index=_absolute(index.index),
        index_note=index.note,
        content=_absolute(config.content),
        pitch=build["/rvc/f0"],
        rmvpe=_absolute(config.rmvpe),
    )


def require_complete(spec: VoiceSpec) -> None:
    """Raise ModelError, in one line, for a missing or broken file, before a child spends seconds loading."""
    require_libraries()
    if not spec.random_shape:
        from engine.models.rvc.check import check

        check(spec).require_complete()


def _absolute(name: str) -> str:
    """Make a path absolute, because the child may have another working folder; a Hugging Face id stays as it is."""
    path = Path(name).expanduser()
    return str(path.absolute()) if name and path.exists() else name
