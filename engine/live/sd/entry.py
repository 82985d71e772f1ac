"""The entry of live Stable Diffusion in the table of live models."""

from collections.abc import Iterator
from functools import partial

from engine.config import Config
from engine.live.kit.live_model import LiveEntry, Surroundings
from engine.live.sd.conditions import NO_MODEL, conditions
from engine.live.sd.link import DiffusionLink
from engine.live.sd.spec import require_complete, spec_of
from osc_schema import Value
from osc_schema.sd import AREA, CHILD


def open_sd(around: Surroundings) -> DiffusionLink:
    config = around.config.sd
    require_complete(spec_of(config, config.model))
    return DiffusionLink(
        config,
        video=around.open_video(config.video),
        has_camera=around.has_camera,
        gate=around.gate,
        report=around.report,
        set_value=partial(around.store.set, by=CHILD),
    )


def first_values(config: Config) -> Iterator[tuple[str, Value]]:
    yield "/sd/enable", bool(config.sd.model)
    for n, lora in enumerate(config.sd.loras, start=1):
        yield f"/sd/lora/{n}/weight", lora.weight
    if config.sd.clip_skip:
        yield "/sd/clip_skip", config.sd.clip_skip


ENTRY = LiveEntry(
    name=CHILD,
    no_model=NO_MODEL,
    not_offline="live Stable Diffusion cannot be repeated offline; `multiverse sd` paints pictures",
    is_configured=lambda config: bool(config.sd.model),
    open=open_sd,
    conditions=lambda config, has_camera: conditions(config.sd, has_camera=has_camera),
    first_values=first_values,
    pictures=AREA.pictures,
)
