"""Loads the model for one process of a job: all of it, or the networks that its stage needs."""

from engine.models.card_memory import full_told
from engine.models.sd.batch_painter import BatchPainter
from engine.models.sd.latent_painter import ReadPicture
from engine.models.sd.load import load
from engine.models.sd.painting import Painting, Stage


def load_stage(
    painting: Painting,
    stage: Stage,
    device: str,
    dtype: str,
    width: int,
    height: int,
    *,
    read_picture: ReadPicture | None = None,
) -> BatchPainter:
    """Load a painter for this stage: for encode and decode only the VAE, for process everything except the VAE.

    ModelError in one line, DeviceFullError if memory is short. `read_picture`: see BatchPainter.
    """
    with full_told(painting.spec.model, device, dtype):
        model = load(painting.spec, device, dtype, stage=stage, is_job=True)
    return BatchPainter(model, painting, width, height, read_picture=read_picture, stage=stage)
