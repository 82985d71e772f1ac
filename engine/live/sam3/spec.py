"""The SAM3 model that a child must load, from the configuration, and a check that all its files exist."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import osc_schema
from engine.config import Sam3Config
from engine.models.libraries import require_libraries
from engine.models.sam3 import SegmentationSpec
from engine.models.sam3.check import check

BUILT: Final = {"resolution": "/sam3/resolution", "is_compiled": "/sam3/compile", "is_offloaded": "/sam3/offload"}
"""Field of the spec -> address of its parameter. Changing one of them needs a new process."""


AS_DECLARED: Final[dict[str, Any]] = {
    param.address: param.default for param in osc_schema.PARAMS if param.address in BUILT.values()
}


def spec_of(config: Sam3Config) -> SegmentationSpec:
    """The configured model. Reads the disk."""
    path = Path(config.model).expanduser()
    return SegmentationSpec(model=str(path.absolute()) if path.exists() else config.model)


def built(spec: SegmentationSpec, build: Mapping[str, Any]) -> SegmentationSpec:
    """`spec` with the values of `build` (parameters in BUILT, by address)."""
    return replace(spec, **{field: build[address] for field, address in BUILT.items()})


def require_complete(spec: SegmentationSpec) -> None:
    """Raise ModelError, in one line, for a missing or broken file, before a child spends seconds loading."""
    require_libraries()
    if not spec.random_shape:
        check(spec).require_complete()
