"""The entry of live SAM3: its configuration, its options, and the values that a run refuses."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from engine.errors import UsageError
from engine.live.kit.live_model import Check, DeviceTable, LiveEntry, option
from engine.live.kit.refusing import refuse_missing_source, refusing
from osc_schema import Value
from osc_schema.sam3 import CHILD, PROMPTS

NO_MODEL = (
    "no SAM3 model is configured: start with `multiverse run --sam3 MODEL` (a folder or a Hugging "
    "Face id, for example "
    '--sam3 facebook/sam3), or set model = "..." under [sam3] in the configuration'
)


class Sam3Config(DeviceTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    model: Annotated[
        str,
        option("Live SAM3 segmentation: a folder or a Hugging Face id (facebook/sam3).", "MODEL"),
    ] = ""
    prompt: Annotated[
        tuple[str, ...],
        option(
            "What SAM3 should find, repeatable up to four times. (default: person)",
            "WORDS",
            max_length=4,
        ),
    ] = ()
    video: Annotated[
        str,
        option(
            "Video, picture, stream or another program's picture for /sam3/source video.",
            "FILE|URL|KIND:NAME",
        ),
    ] = ""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"


def first_values(config: Sam3Config) -> Iterator[tuple[str, Value]]:
    """Initial prompts from the configuration; the remaining ones are cleared."""
    if config.prompt:
        prompts = [*config.prompt, *[""] * len(PROMPTS)]
        yield from (
            (f"/sam3/prompt/{n}", prompt) for n, prompt in zip(PROMPTS, prompts, strict=False)
        )


def implied(options: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    """The prompts of the command line override those that the file sets as parameters."""
    prompts = options.get("sam3.prompt", ())
    if len(prompts) > len(PROMPTS):
        raise UsageError(f"--sam3-prompt: at most {len(PROMPTS)}")
    return {
        f"params.{address}": prompt
        for address, prompt in first_values(Sam3Config(prompt=tuple(prompts)))
    }


def conditions(config: Sam3Config, has_camera: Callable[[], bool]) -> Iterator[tuple[str, Check]]:
    if not config.model:
        yield refusing("/layer/5/matte", NO_MODEL, "subject", "background")
    yield refuse_missing_source(CHILD, config.video, has_camera)


ENTRY = LiveEntry(
    name=CHILD,
    title="SAM3",
    table=Sam3Config,
    no_model=NO_MODEL,
    not_offline="live SAM3 cannot be repeated offline; `multiverse segment` reads files",
    opened_by="engine.live.sam3.link:open_sam3",
    conditions=conditions,
    first_values=first_values,
    implied=implied,
    calls={"/sam3/empty_cache": "empty_cache"},
)
