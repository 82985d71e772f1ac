"""Chooses the HuBERT of a voice and finds its files on this machine. Does not load torch.

Applio stores the name of the HuBERT that a voice was trained with as `embedder_model`
(extract_model.py, load_embedding in rvc/lib/utils.py). rvc-webui stores it as `embedder_name`, with
768 behind it for a wide one (lib/rvc/checkpoints.py, modules/models.py); the WebUI stores none and
trains with ContentVec, which is its hubert_base.pt. All of them give vectors of the same size at
the same rate: with the wrong one a voice runs without an error, but is unintelligible.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models import locate
from engine.models.pickle_file import PickleLayout, PickleStub, plain_dict, short_repr
from engine.models.plain_config import CONFIG, read_config
from engine.models.rvc.spec import CONTENT
from engine.models.toml_tables import tables_beside
from engine.models.weight_files import find_weights

FILES: Final = ("config.json", "*.safetensors", "pytorch_model*.bin")
"""All files needed from a repository on the Hub."""
MODEL_TYPE: Final = "hubert"
OPTIONS: Final = "--content (run: --rvc-content), or content under [rvc]"
_TRAINING: Final = (
    r"(fairseq|omegaconf|hydra|contentvec|numpy)\..+|argparse\.Namespace|typing\.Any|enum\.\w+"
    r"|pathlib\.\w+|builtins\.(dict|list|tuple|int|float|str|bool)"
)
"""Classes of training code that fairseq (hubert_base.pt, checkpoint_best_legacy_500.pt) pickles
together with a HuBERT's tensors."""
PROJECTION: Final = "final_proj."
"""Prefix of the final projection's tensors, in both layouts. A v1 voice needs it."""

LAYOUT: Final = PickleLayout(
    kind="HuBERT",
    keys=("model",),
    stubs={r"collections\.defaultdict": plain_dict, _TRAINING: PickleStub},
)
KEY: Final = "embedder_model"
OTHER_KEY: Final = "embedder_name"
LAYER_KEY: Final = "embedder_output_layer"
"""Keys in the metadata of voices: KEY is Applio's, the other two are rvc-webui's."""
CONTENT_VEC: Final = ("contentvec", "contentvec_base", "content_vec_best", "hubert_base")
_TABLES: Final = tables_beside(__file__, "other_voices")
PUBLISHED: Final[dict[str, str]] = _TABLES["contents"]
"""Repositories of published HuBERTs, by name with `_` for `-`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFolder:
    weights: tuple[Path, ...]
    config: dict[str, Any] | None
    """transformers' configuration; None for a single file without a HuBERT's configuration beside
    it."""


def find_content(name: str) -> ContentFolder:
    """Find a folder, a Hugging Face id or a single file (.pt, .bin, .safetensors). ModelError in
    one line if it is not on this machine (with how to get it), has no weights, or is another kind
    of model."""
    try:
        path = locate.find(name, files=FILES)
    except ModelError as error:
        raise ModelError(f"{error}; or name another one with {OPTIONS}") from None
    if path.is_file():
        beside = path.parent / CONFIG
        config = read_config(name, path.parent) if beside.is_file() else {}
        return ContentFolder(
            weights=(path,), config=config if config.get("model_type") == MODEL_TYPE else None
        )
    config = read_config(name, path)
    weights = find_weights(path)
    if config.get("model_type") != MODEL_TYPE:
        kind = config.get("model_type") or "nothing"
        raise ModelError(f"{name}: {CONFIG} says model_type {kind}; a voice needs {MODEL_TYPE}")
    if weights is None:
        raise ModelError(f"{name}: has no weights (model.safetensors or pytorch_model.bin)")
    return ContentFolder(weights=weights.files, config=config)


@dataclass(frozen=True, slots=True)
class ContentChoice:
    content: str
    """A value for `VoiceSpec.content`, never ""."""
    note: str = ""
    """Reason if it is not the default one; otherwise ""."""


def choose_content(name: str, metadata: Mapping[str, Any], requested: str) -> ContentChoice:
    """Choose the HuBERT for the voice `name` with the metadata `metadata`: `requested` unless it is
    "", else the one that the voice was trained with, or ContentVec if it names none. ModelError in
    one line, with the command that fetches it, if the voice needs another one that is not on this
    machine."""
    stored_name = metadata.get(KEY, metadata.get(OTHER_KEY))
    own = _normalize(stored_name) if isinstance(stored_name, str) else ""
    is_short = (
        isinstance(stored_name, str)
        and stored_name.isprintable()
        and len(stored_name) <= locate.MAX_NAME
    )
    trained_on = stored_name if is_short else short_repr(stored_name)
    if requested:
        is_own = _normalize(Path(requested).name) == own or (
            own in CONTENT_VEC and requested not in PUBLISHED.values()
        )
        note = f"the voice was trained on {trained_on}; {requested} is used instead, as requested"
        return ContentChoice(requested, "" if is_own or not stored_name else note)
    if not stored_name or own in CONTENT_VEC:
        return ContentChoice(CONTENT)
    start = f"{name}: was trained on {trained_on}, not on ContentVec"
    if own not in PUBLISHED:
        raise ModelError(
            f"{start}; ask its author for that HuBERT and name it with {OPTIONS} ({CONTENT} where "
            "you know better)"
        )
    content = PUBLISHED[own]
    try:
        locate.find(content, files=())
    except ModelError:
        raise ModelError(
            f"{start}; fetch it once: {locate.download_command(content, ())}; or name what you "
            f"have with {OPTIONS}"
        ) from None
    return ContentChoice(content, f"the voice was trained on {trained_on}: {content} is used")


def _normalize(name: str) -> str:
    return name.lower().replace("-", "_").removesuffix("768")
