"""Which HuBERT a voice was trained on, and so which one has to hear for it. Does not load torch.

Applio writes its name into the voice as `embedder_model` (rvc/train/process/extract_model.py, load_embedding in
rvc/lib/utils.py); the WebUI writes none and trains on ContentVec. All of them give 768 numbers 50 times a second: with
another than its own a voice speaks without an error, and nothing that can be understood.
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
"""Where each is published, by its name with `_` for `-`."""


@dataclass(frozen=True, slots=True)
class ContentChoice:
    content: str
    """As `VoiceSpec.content`, and never ""."""
    note: str = ""
    """Why, where it is not what every voice gets; else ""."""


def content_for(name: str, told: Mapping[str, Any], asked: str) -> ContentChoice:
    """What hears for the voice `name`, whose file says `told`: `asked` where that is not "", else the HuBERT that it
    was trained on, ContentVec where it names none.

    ModelError in one line, with the command that fetches it, where it was trained on another one that is not here.
    """
    said = told.get(KEY)
    own = _plain(said) if isinstance(said, str) else ""
    trained_on = _short(said)
    if asked:
        is_own = _plain(Path(asked).name) == own or (own in CONTENT_VEC and asked not in PUBLISHED.values())
        note = f"the voice was trained on {trained_on}; as asked, {asked} hears its words"
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
    return ContentChoice(content, f"the voice was trained on {trained_on}: {content} hears its words")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _short(said: Any) -> str:
    return said if isinstance(said, str) and said.isprintable() and len(said) <= locate.MAX_NAME else shown(said)
