"""The files of a voice, as plain values that can be sent to other processes. Does not load torch."""

from dataclasses import dataclass
from typing import Final, Literal

CONTENT: Final = "lengyue233/content-vec-best"
RMVPE: Final = "lj1995/VoiceConversionWebUI/rmvpe.pt"
RANDOM: Final = "random:"

Pitch = Literal["auto", "rmvpe", "fcpe", "yin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSpec:
    model: str
    """A .pth or .safetensors file; or `random:SHAPE` (see shapes.py), which needs no files."""
    index: str = ""
    """FAISS .index file of the same voice; "" for none."""
    index_note: str = ""
    """Note for the user on how `index` was chosen (see index_choice.py); "" if the user chose it."""
    content: str = ""
    """HuBERT or ContentVec: a folder, a Hugging Face id, or a .pt or .bin file. "" means the one that the voice was
    trained on (see embedder.py), or CONTENT if the voice names none."""
    pitch: Pitch = "auto"
    """auto: rmvpe if its checkpoint is on this machine, else fcpe if it is installed, else yin."""
    rmvpe: str = RMVPE
    """Checkpoint of RMVPE: a file, or one in the Hugging Face cache."""
    is_retrieved_on_device: bool = True
    """True: search the index on the model's device. False: on the CPU."""

    @property
    def random_shape(self) -> str:
        """SHAPE of `random:SHAPE`; "" if the model is on disk."""
        return self.model.removeprefix(RANDOM) if self.model.startswith(RANDOM) else ""
