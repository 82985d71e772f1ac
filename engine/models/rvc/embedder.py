"""Chooses the HuBERT that a voice was trained with. Does not load torch.

Applio stores its name in the voice as `embedder_model` (rvc/train/process/extract_model.py, load_embedding in
rvc/lib/utils.py); the WebUI stores none and trains with ContentVec. All of them give vectors of the same size at the
same rate, so with the wrong one a voice runs without an error, but its words are unintelligible.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.pickle_file import shown
from engine.models.rvc.content_folder import OPTIONS
from engine.models.rvc.spec import CONTENT

KEY: Final = "embedder_model"
CONTENT_VEC: Final = ("contentvec", "contentvec_base", "content_vec_best")
_APPLIO: Final = "IAHispano/Applio/Resources/embedders"
PUBLISHED: Final = {
    "spin": f"{_APPLIO}/spin",
    "spin_v2": f"{_APPLIO}/spin-v2",
    "chinese_hubert_base": f"{_APPLIO}/chinese_hubert_base",
    "japanese_hubert_base": f"{_APPLIO}/japanese_hubert_base",
    "korean_hubert_base": f"{_APPLIO}/korean_hubert_base",
}
"""Repository of each, by name with `_` for `-`."""


@dataclass(frozen=True, slots=True)
class ContentChoice:
    content: str
    """A value for `VoiceSpec.content`, never ""."""
    note: str = ""
    """Reason if it is not the default one; otherwise ""."""


def content_for(name: str, metadata: Mapping[str, Any], asked: str) -> ContentChoice:
    """The HuBERT for the voice `name` with the metadata `metadata`.

    That is `asked` unless it is "", else the one that the voice was trained with, or ContentVec if it names none.
    ModelError in one line, with the command that fetches it, if the voice needs another one that is not on this
    machine.
    """
    said = metadata.get(KEY)
    own = _plain(said) if isinstance(said, str) else ""
    trained_on = _short(said)
    if asked:
        is_own = _plain(Path(asked).name) == own or (own in CONTENT_VEC and asked not in PUBLISHED.values())
        note = f"the voice was trained on {trained_on}; {asked} is used instead, as requested"
        return ContentChoice(asked, "" if is_own or not said else note)
    if not said or own in CONTENT_VEC:
        return ContentChoice(CONTENT)
    start = f"{name}: was trained on {trained_on}, not on ContentVec"
    if own not in PUBLISHED:
        raise ModelError(
            f"{start}; ask its author for that HuBERT and name it with {OPTIONS} ({CONTENT} where you know better)"
        )
    content = PUBLISHED[own]
    try:
        locate.find(content, files=())
    except ModelError:
        raise ModelError(
            f"{start}; fetch it once: {locate.download_command(content, ())}; or name what you have with {OPTIONS}"
        ) from None
    return ContentChoice(content, f"the voice was trained on {trained_on}: {content} is used")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _short(said: Any) -> str:
    return said if isinstance(said, str) and said.isprintable() and len(said) <= locate.MAX_NAME else shown(said)
