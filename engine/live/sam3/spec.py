"""From the configuration to the SAM3 that a child is told to load, and whether all of it is on this machine."""

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
"""What a model is built with, by the parameter's address: another value is another process."""


AS_DECLARED: Final[dict[str, Any]] = {
    param.address: param.default for param in osc_schema.PARAMS if param.address in BUILT.values()
}


def spec_of(config: Sam3Config) -> SegmentationSpec:
    """The configured model. Touches the disk."""
    path = Path(config.model).expanduser()
    return SegmentationSpec(model=str(path.absolute()) if path.exists() else config.model)


def built(spec: SegmentationSpec, build: Mapping[str, Any]) -> SegmentationSpec:
    """`spec`, built as the values in `build` (of BUILT, by address) say."""
    return replace(spec, **{field: build[address] for field, address in BUILT.items()})


def require_complete(spec: SegmentationSpec) -> None:
    """ModelError, in one line, for what is missing or broken: now, not after seconds of loading in a child."""
    require_libraries()
    if not spec.random_shape:
        check(spec).require_complete()
