"""The entry of live voice conversion: its configuration, its options, and the values that a run
refuses."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from engine.live.kit.live_model import Check, DeviceTable, ListEntry, ListRequest, LiveEntry, option
from engine.live.kit.refusing import find_named, names_in, refuse_unresolved, refusing
from engine.models.not_a_model import SAFETENSORS
from osc_schema.rvc import CHILD

if TYPE_CHECKING:
    from engine.models.rvc.index_choice import IndexChoice

MODEL = "/rvc/model"

NO_MODEL = (
    "no voice model is configured: start with `multiverse run --rvc MODEL.pth` (a published .pth "
    "or a .safetensors "
    'file), or set model = "..." under [rvc] in the configuration'
)


class RvcConfig(DeviceTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    model: Annotated[
        str,
        option("Live voice conversion: a published RVC model, .pth or .safetensors.", "MODEL.pth"),
    ] = ""
    index: Annotated[
        str,
        option(
            "FAISS index of the voice. (default: the one with the voice's name, or the only one "
            "in its folder)",
            "FILE.index|none",
        ),
    ] = ""
    content: Annotated[
        str, option("Speech encoder: HuBERT, ContentVec. (default: the voice's own)", "PATH|ID")
    ] = ""
    """A HuBERT or ContentVec folder, a Hugging Face id or file, a `.pt` or `.bin` file; "": the one
    that the voice was trained on, or `lengyue233/content-vec-best` if the voice names none."""
    rmvpe: str = "lj1995/VoiceConversionWebUI/rmvpe.pt"
    """Checkpoint of the pitch network RMVPE: a file, or one in the Hugging Face cache."""
    input: Annotated[
        str,
        option(
            "Source of the voice; audio: a channel of the sound input (/rvc/input_channel). "
            "(default: audio)",
            "audio|device:NAME|FILE",
        ),
    ] = "audio"
    output: Annotated[
        str,
        option("Sound output for the converted voice. (default: none)", "none|default|device:NAME"),
    ] = "none"
    folders: tuple[str, ...] = ()
    """Folders of the models that `/rvc/model` may name over OSC."""


def files_named(config: RvcConfig, name: str) -> "tuple[str, IndexChoice]":
    """Path of the named model in the first model folder that contains it, and its index (see
    `choose_index`). "" gives the configured pair. Raises ValueError with the reason if there is no
    such model."""
    from engine.models.rvc.index_choice import choose_index, for_other_voice

    if not name:
        return config.model, choose_index(config.model, config.index)
    if not config.folders:
        raise ValueError('no model folders are configured: set folders = ["..."] under [rvc]')
    model = str(find_named(name, config.folders, may_be_folder=False))
    return model, choose_index(model, for_other_voice(config.index))


def voice_title(config: RvcConfig, name: str) -> str:
    """The name of a voice in the folders, with its version, rate and index, or why it is none.
    Reads its header."""
    from engine.errors import ModelError
    from engine.models.rvc.check import headline

    try:
        model, index = files_named(config, name)
        return f"{name} ({headline(model)}, {'with' if index.index else 'no'} index)"
    except (ModelError, OSError, ValueError) as error:
        return f"{name} (cannot be used: {str(error).rsplit(f'{name}: ', 1)[-1]})"


def voices(at: str, request: ListRequest) -> Iterator[ListEntry]:
    """The entries of /rvc/list."""
    names = names_in(request.table.folders, (".pth", *SAFETENSORS))
    return request.models(MODEL, ((name, voice_title(request.table, name)) for name in names))


def conditions(config: RvcConfig, has_camera: Callable[[], bool]) -> Iterator[tuple[str, Check]]:
    if config.model:
        yield refuse_unresolved(MODEL, partial(files_named, config))
    else:
        yield refusing("/rvc/channel", NO_MODEL)
        yield refusing(MODEL, NO_MODEL)


def implied(options: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that follow from another voice: the configured index does not belong to it."""
    voice = file.get("rvc", {})
    if "rvc.model" not in options or not isinstance(voice, dict):
        return {}
    from engine.models.rvc.index_choice import setting_for

    return {
        "rvc.index": setting_for(options["rvc.model"], voice.get("model"), voice.get("index", ""))
    }


ENTRY = LiveEntry(
    name=CHILD,
    title="voice conversion",
    table=RvcConfig,
    no_model=NO_MODEL,
    not_offline="a live voice cannot be repeated offline; `multiverse convert` reads files",
    opened_by="engine.live.rvc.voice:LiveRvc",
    conditions=conditions,
    implied=implied,
    lists={"/rvc": "engine.live.rvc.entry:voices"},
    calls={"/rvc/empty_cache": "empty_cache"},
)
