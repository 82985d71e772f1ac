"""Loads the model of a job, here or in an actor of a cluster."""

from typing import TYPE_CHECKING

from engine.jobs.segment.job import SegmentJob
from engine.models.libraries import require_libraries
from engine.models.sam3 import SegmentationSpec

if TYPE_CHECKING:
    from engine.models.sam3.segmenter import Segmenter


def load_segmenter(job: SegmentJob) -> "Segmenter":
    """Load the model on its device. ModelError in one line; for boxes without torchvision before loading."""
    if job.boxes:
        from engine.models.sam3.detector import require_roi_align

        require_roi_align()
    require_libraries()
    from engine.models.card_memory import full_told
    from engine.models.device_work import chosen_device, chosen_dtype, use_threads
    from engine.models.sam3.load import load
    from engine.models.sam3.segmenter import Segmenter

    if job.threads is not None:
        use_threads(job.threads)
    device = chosen_device(job.device)
    dtype = chosen_dtype(job.dtype, device, half="bfloat16")
    with full_told(job.model, device, dtype):
        return Segmenter(load(spec_of(job), device, dtype))


def spec_of(job: SegmentJob) -> SegmentationSpec:
    return SegmentationSpec(
        model=job.model, resolution=job.resolution, is_compiled=job.is_compiled, is_offloaded=job.is_offloaded
    )
