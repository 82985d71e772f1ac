"""The voice that a child must load, from the configuration, and a check that all its files exist."""

from collections.abc import Mapping
from typing import Any, Final

import osc_schema
from engine.live.kit.refusing import absolute
from engine.live.rvc.entry import MODEL, RvcConfig, files_named
from engine.models.libraries import require_libraries
from engine.models.rvc import VoiceSpec

BUILT: Final = (MODEL, "/rvc/f0", "/rvc/fp16", "/rvc/gpu_retrieval")
"""Addresses of the parameters that are fixed when the model is loaded. Changing one of them needs a new process."""

AS_DECLARED: Final[dict[str, Any]] = {
    param.address: param.default for param in osc_schema.PARAMS if param.address in BUILT
}


def spec_of(config: RvcConfig, build: Mapping[str, Any] = AS_DECLARED) -> VoiceSpec:
    """The spec of the voice with the values of `build` (parameters in BUILT, by address).

    Reads the disk. Raises ValueError like `files_named`. The child decides on which device the index is searched.
    """
    model, index = files_named(config, build[MODEL])
    return VoiceSpec(
        model=absolute(model),
        index=absolute(index.index),
        index_note=index.note,
        content=absolute(config.content),
        pitch=build["/rvc/f0"],
        rmvpe=absolute(config.rmvpe),
    )


def require_complete(spec: VoiceSpec) -> None:
    """Raise ModelError, in one line, for a missing or broken file, before a child spends seconds loading."""
    require_libraries()
    if not spec.random_shape:
        from engine.models.rvc.check import check

        check(spec).require_complete()
