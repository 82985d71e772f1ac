"""The files and the settings of a voice: plain values that can be sent to other processes. Does not
load torch."""

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
    """Note for the user on how `index` was chosen (see index_choice.py); "" if the user chose
    it."""
    content: str = ""
    """HuBERT or ContentVec: a folder, a Hugging Face id, or a .pt or .bin file. "" means the one
    that the voice was trained on (see content_folder.py), or CONTENT if the voice names none."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    pitch: float = 0.0
    """Semitones, -24..24."""
    is_autotuned: bool = False
    """Round the pitch of the output to the nearest semitone of A = 440 Hz."""
    formant: float = 0.0
    """Semitones, -2..2: size of the vocal tract, at the same pitch."""
    index_rate: float = 0.3
    """0..1: fraction of the retrieved features; no effect without an index."""
    retrieval_power: int = 2
    """2: the k nearest are weighted by (1/s)^2; 1: by 1/s, with squared distances s."""
    protect: float = 0.33
    """0..0.5: fraction of the retrieved features in unvoiced frames; from 0.5 on all of them."""
    rms_mix: float = 0.0
    """0: as loud as the input; 1: as loud as the model's output."""
    threshold_db: float = -60.0
    """dBFS, -60..0: softer input is silenced before conversion; -60 is off."""
    speaker: int = 0
