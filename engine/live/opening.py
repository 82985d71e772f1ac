"""The table of live models; opens those that the configuration asks for."""

from collections.abc import Callable, Iterator, Sequence

import osc_schema
from engine.config import Config
from engine.errors import ConfigError
from engine.live.kit.live_model import Check, LiveEntry, LiveModel, Surroundings
from engine.live.rvc.entry import ENTRY as RVC
from engine.live.sam3.entry import ENTRY as SAM3
from engine.live.sd.entry import ENTRY as SD
from engine.system.closing import Closing
from osc_schema import Rejected, Value

LIVE_MODELS: tuple[LiveEntry, ...] = (SD, SAM3, RVC)
"""In order of processing: SAM3 may cut out of the picture that SD has painted."""


def configured_models(config: Config, table: Sequence[LiveEntry]) -> tuple[LiveEntry, ...]:
    """The models in this run's configuration. ConfigError if the run is offline, which no live model supports."""
    entries = tuple(entry for entry in table if entry.is_configured(config))
    if entries and config.offline:
        raise ConfigError(f"{entries[0].name}.model: {entries[0].not_offline}")
    return entries


def conditions(
    config: Config, table: Sequence[LiveEntry], has_camera: Callable[[], bool]
) -> Iterator[tuple[str, Check]]:
    """(address, check) for `ParamStore.add_condition`: values that need a model, a file or a device this run lacks.

    A menu item that has the name of a live model needs that model.
    """
    for entry in table:
        yield from entry.conditions(config, has_camera)
        if not entry.is_configured(config):
            for param in osc_schema.PARAMS:
                if entry.name in param.menu:
                    yield param.address, _refuse_item(param.address, entry)


def _refuse_item(address: str, entry: LiveEntry) -> Check:
    def check(value: Value) -> None:
        if value == entry.name:
            raise Rejected(f"{address}: {entry.no_model}")

    return check


def open_models(entries: Sequence[LiveEntry], around: Surroundings, closing: Closing) -> tuple[LiveModel, ...]:
    """Open each model without starting it; `closing` closes them. Raises ModelError early, before anything slow."""
    return tuple(closing(entry.open(around)) for entry in entries)
