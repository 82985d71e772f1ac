"""Reads the trigger words and text encoders of a textual inversion embedding from its header. Does
not load torch."""

import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models import locate
from engine.models.not_a_model import SAFETENSORS
from engine.models.pickle_file import PARAMETER_DICT, WEIGHTS, Parameters, PickleLayout
from engine.models.sd.plan.families import FAMILIES, wrong_model_error
from engine.models.sd.plan.model_folder import TEXT_WIDTH, DiffusersFolder
from engine.models.tensor_file import TensorFile, TensorInfos
from engine.models.tensor_rule import require_known
from engine.models.weight_files import open_tensors

SUFFIXES = (*SAFETENSORS, ".pt", ".bin", ".pti")
LAYOUT = PickleLayout(
    advice=WEIGHTS.advice,
    keys=("string_to_param",),
    stubs={re.escape(PARAMETER_DICT): Parameters},
)
"""The layout of pickles, as A1111 writes them."""
WEBUI = "emb_params"
XL = ("clip_l", "clip_g")
PIVOTAL = ("text_encoders_0", "text_encoders_1")
"""Keys of pivotal tuning (cog-sdxl, diffusers' advanced DreamBooth): each row is a token, `<s0>`,
`<s1>` and so on."""
_UNNAMED = (WEBUI, *XL, *PIVOTAL, "*")
LEARNED = "learned_embeds"  # diffusers' file name for every embedding
BASES = {(768,): FAMILIES["sd15"], (1024,): FAMILIES["sd21"], (768, 1280): FAMILIES["sdxl"]}
"""Model families by the vector width of each text encoder."""
MAX_VECTORS = 75  # number of tokens of a text


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingEntry:
    triggers: tuple[str, ...]
    """Trigger words in a prompt: the file name (A1111), or the token in a diffusers file and the
    file name."""
    keys: tuple[str, ...]
    """Keys of its tensors, one for each text encoder; each is (vectors, width), or (width,)."""
    row: int | None = None
    """The row of these tensors; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFile:
    """A file of textual inversion embeddings."""

    name: str
    """The name given by the user."""
    file: TensorFile
    entries: tuple[EmbeddingEntry, ...]
    tensors: TensorInfos
    """Its tensors by key."""

    @property
    def triggers(self) -> tuple[str, ...]:
        """The trigger words of all its embeddings."""
        return tuple(trigger for entry in self.entries for trigger in entry.triggers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Vector width for each text encoder."""
        return tuple(self.tensors[key].shape[-1] for key in self.entries[0].keys)


def text_widths(folder: DiffusersFolder) -> tuple[int, ...]:
    """Width of each text encoder's token embedding, from its config.json."""
    parts = [part for part in folder.parts if part.startswith("text_encoder")]
    return tuple(
        int(folder.config(f"{part}/config.json").get("hidden_size", TEXT_WIDTH)) for part in parts
    )


def examine_embedding(name: str, widths: tuple[int, ...], model: str) -> EmbeddingFile:
    """Examine an embedding for `model`, whose text encoders have these `widths` (see
    `text_widths`). ModelError in one line if it is not an embedding, or was made for another
    model."""
    embedding = read_embedding(name)
    if embedding.widths != widths:
        take = "take one that was made for it"
        raise wrong_model_error(
            f"{name}: an embedding", _base(embedding.widths), model, _base(widths), take
        )
    return embedding


def read_embedding(name: str) -> EmbeddingFile:
    """Examine an embedding for any model. ModelError in one line if it is none."""
    file = open_tensors(_file(name), LAYOUT)
    tensors = file.tensors
    entries = _entries(file.path, tensors)
    return EmbeddingFile(
        name=name,
        file=file,
        entries=entries,
        tensors={key: tensors[key] for entry in entries for key in entry.keys},
    )


def _file(name: str) -> Path:
    path = locate.find(
        name, files=tuple(f"{LEARNED}.{suffix}" for suffix in ("safetensors", "bin"))
    )
    if path.is_dir():
        files = [file for suffix in SUFFIXES for file in sorted(path.glob(f"*{suffix}"))]
        learned = [file for file in files if file.stem == LEARNED]
        if not learned and len(files) != 1:
            found = ", ".join(file.name for file in files[:5]) or "none"
            raise ModelError(f"{name}: need exactly one embedding, found {found}; name the file")
        path = (learned or files)[0]
    if path.suffix.lower() not in SUFFIXES:
        raise ModelError(
            f"{name}: an embedding is a {', '.join(SUFFIXES)} file; A1111 saves pictures' as .pt, "
            "too"
        )
    return path


def _entries(file: Path, tensors: TensorInfos) -> tuple[EmbeddingEntry, ...]:
    """The file's embeddings: one for all its vectors, or one for each token."""
    if any("lora" in key for key in tensors):
        raise ModelError(f"{file}: a LoRA, not an embedding; pass it with --lora PATH")
    of_encoders = next((keys for keys in (XL, PIVOTAL) if all(key in tensors for key in keys)), ())
    keys = of_encoders or ((WEBUI,) if WEBUI in tensors else tuple(tensors))
    require_known(str(file), "an embedding", tensors.keys() - keys, why="it is of another model")
    shapes = [tensors[key].shape for key in keys]
    is_of_tokens = not of_encoders and len(keys) > 1
    is_named = not any("." in key for key in keys) and len({shape[-1:] for shape in shapes}) == 1
    if (
        (is_of_tokens and not is_named)
        or any(len(shape) not in (1, 2) for shape in shapes)
        or not keys
    ):
        raise ModelError(
            f"{file}: not a textual inversion embedding; it contains "
            f"{', '.join(list(tensors)[:3])[:120]}"
        )
    if is_of_tokens:
        return tuple(
            EmbeddingEntry(triggers=(key,), keys=_require_counts(file, (key,), [shape]))
            for key, shape in zip(keys, shapes, strict=True)
        )
    _require_counts(file, keys, shapes)
    token = keys[0] if keys[0] not in _UNNAMED else ""
    stem = file.stem if file.stem != LEARNED or not token else ""
    whole = EmbeddingEntry(triggers=tuple(dict.fromkeys(filter(None, (token, stem)))), keys=keys)
    if keys[0] != PIVOTAL[0] or len(shapes[0]) == 1:
        return (whole,)
    return (
        whole,
        *(
            EmbeddingEntry(triggers=(f"<s{row}>",), keys=keys, row=row)
            for row in range(shapes[0][0])
        ),
    )


def _require_counts(
    file: Path, keys: tuple[str, ...], shapes: list[tuple[int, ...]]
) -> tuple[str, ...]:
    """Return `keys`. ModelError if their tensors do not have the same number of vectors, or too
    many."""
    counts = {shape[0] if len(shape) == 2 else 1 for shape in shapes}
    if len(counts) > 1 or not 1 <= counts.pop() <= MAX_VECTORS:
        raise ModelError(
            f"{file}: an embedding must have 1 to {MAX_VECTORS} vectors, the same number for each "
            "text encoder"
        )
    return keys


def _base(widths: tuple[int, ...]) -> str:
    kind = BASES.get(widths) or (FAMILIES["sdxl"] if len(widths) == 2 else "SD 1.5 or 2.x")
    return f"{kind} ({' + '.join(map(str, widths))} numbers a token)"
