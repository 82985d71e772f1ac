"""What a voice model is made of, by name. Plain values: it travels to other processes. Does not load torch."""

from dataclasses import dataclass
from typing import Final, Literal

CONTENT: Final = "lengyue233/content-vec-best"
RMVPE: Final = "lj1995/VoiceConversionWebUI/rmvpe.pt"
RANDOM: Final = "random:"

Pitch = Literal["auto", "rmvpe", "fcpe", "yin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSpec:
    model: str
    """A published .pth or a .safetensors file; or `random:SHAPE` (see shapes.py), which needs no files at all."""
    index: str = ""
    """FAISS .index file of the same voice; "" for none."""
    index_note: str = ""
    """What the user should know of how `index` was chosen (see index_choice.py); "" where it was named."""
    content: str = ""
    """HuBERT or ContentVec: a folder, a Hugging Face id or file, a .pt or .bin file; "" for the one that the voice was
    trained on (see embedder.py), CONTENT where it names none."""
    pitch: Pitch = "auto"
    """auto: rmvpe where its checkpoint is to be had, else fcpe where it is installed, else yin."""
    rmvpe: str = RMVPE
    """Checkpoint of RMVPE: a file, or one in the Hugging Face cache."""
    is_retrieved_on_device: bool = True
    """Searches the index on the model's device; else on the CPU."""

    @property
    def random_shape(self) -> str:
        """SHAPE of `random:SHAPE`; "" where the model is on disk."""
        return self.model.removeprefix(RANDOM) if self.model.startswith(RANDOM) else ""
