"""One batch with its results, passed from the model to the writer."""

from dataclasses import dataclass, field

from engine.sources.pictures import Batch
from engine.values import Segmentation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmented:
    batch: Batch
    found: list[Segmentation]
    """One per picture of the batch."""
    not_finite: int
    """Pictures that the model answered with NaN."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Time of the model's stages, for the whole batch."""
    tracker: bytes | None = None
    """State of the tracker after this batch; None except at a checkpoint."""
    is_restored: bool = False
    """True if these are results of an interrupted run."""
