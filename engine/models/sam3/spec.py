"""What is asked of a segmentation model, as the user names it."""

from dataclasses import dataclass

RANDOM = "random:"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationSpec:
    """Names are paths or Hugging Face ids, as `locate.find` takes them; which are allowed is the caller's concern."""

    model: str
    """A folder or an id, `facebook/sam3`; or `random:SHAPE`, random weights: `random:sam3` of the true size, for
    measuring, or `random:tiny`."""
    resolution: int = 1008
    """Side in pixels of the square that a picture is scaled to: a multiple of a window of attention (336 px)."""
    is_compiled: bool = False
    """The backbone through torch.compile: minutes at the first picture, faster after it; not with offload. The
    decoder stays as it is: it would be compiled anew for every length of a prompt."""
    is_offloaded: bool = False
    """Weights in main memory, brought to the device layer by layer: for small cards."""

    @property
    def random_shape(self) -> str:
        """A name in `shapes.SHAPES`; "" where the model has weights of its own."""
        return self.model.removeprefix(RANDOM) if self.model.startswith(RANDOM) else ""
