"""Loads the model for one process of a job: all of it, or the networks that its stage needs."""

from engine.errors import DeviceFullError
from engine.models.device_work import is_out_of_memory
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
    try:
        model = load(painting.spec, device, dtype, stage=stage, is_job=True)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        name = painting.spec.model
        raise DeviceFullError(f"{name}: does not fit into the memory of {device}; try --dtype float16") from None
    return BatchPainter(model, painting, width, height, read_picture=read_picture, stage=stage)
