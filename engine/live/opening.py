"""The table of live models; opens those that the configuration asks for."""

from collections.abc import Sequence

from engine.config import Config
from engine.errors import ConfigError
from engine.live.kit.live_model import LiveEntry, LiveModel, Surroundings
from engine.live.rvc.entry import ENTRY as RVC
from engine.live.sam3.entry import ENTRY as SAM3
from engine.live.sd.entry import ENTRY as SD
from engine.system.closing import Closing

LIVE_MODELS: tuple[LiveEntry, ...] = (SD, SAM3, RVC)
"""In order of processing: SAM3 may cut out of the picture that SD has painted."""


def configured_models(config: Config, table: Sequence[LiveEntry]) -> tuple[LiveEntry, ...]:
    """The models in this run's configuration. ConfigError if the run is offline, which no live model supports."""
    entries = tuple(entry for entry in table if entry.is_configured(config))
    if entries and config.offline:
        raise ConfigError(f"{entries[0].name}.model: {entries[0].not_offline}")
    return entries


def open_models(entries: Sequence[LiveEntry], around: Surroundings, closing: Closing) -> tuple[LiveModel, ...]:
    """Open each model without starting it; `closing` closes them. Raises ModelError early, before anything slow."""
    return tuple(closing(entry.open(around)) for entry in entries)
