"""From the configuration to the SAM3 that a child is told to load, and whether all of it is on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engine.config import Sam3Config
from engine.errors import ModelError
from engine.models.segmentation import SegmentationSpec
from engine.models.segmentation.check import check

BUILT: Final = {"resolution": "/sam3/resolution", "is_compiled": "/sam3/compile", "is_offloaded": "/sam3/offload"}
"""What a model is built with, by the parameter's address: another value is another process."""


def spec_of(config: Sam3Config, build: Mapping[str, Any] | None = None) -> SegmentationSpec:
    """The configured model, built as the parameters in `build` (of BUILT, by address) say. Touches the disk."""
    path = Path(config.model).expanduser()
    fields = {field: build[address] for field, address in BUILT.items()} if build else {}
    return SegmentationSpec(model=str(path.resolve()) if path.exists() else config.model, **fields)


def require_complete(spec: SegmentationSpec) -> None:
    """ModelError, in one line, for what is missing or broken: now, not after seconds of loading in a child."""
    if spec.random_shape:
        return
    missing = check(spec).missing
    if missing:
        more = f" (and {len(missing) - 1} more: multiverse model check {spec.model})" if len(missing) > 1 else ""
        raise ModelError(f"{missing[0]}{more}")
