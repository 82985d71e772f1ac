"""Finds the live models that are installed, and opens those that the configuration asks for."""

from collections.abc import Callable, Iterator, Sequence
from pkgutil import resolve_name

import osc_schema
from engine.config import Config
from engine.errors import ConfigError, MultiverseError, in_one_line
from engine.live.kit.live_model import Check, LiveEntry, LiveModel, Surroundings
from engine.live.kit.refusing import refusing
from engine.system.closing import Closing
from osc_schema import ExtraPicture, Value, plugins
from osc_schema.live_models import BY_NAME


def live_models() -> tuple[LiveEntry, ...]:
    """The installed models in order of processing: SAM3 may cut out of the picture that SD has painted."""
    found = plugins.loaded("multiverse.models")
    usable = [name for name in BY_NAME if name in found and found[name].name == name]
    for name in found.keys() - usable:
        reason = "its ENTRY must have this name, and multiverse.parameters an AREA of this name"
        plugins.leave_out(plugins.declared("multiverse.models")[name], reason)
    return tuple(found[name] for name in usable)


def configured_models(config: Config) -> tuple[LiveEntry, ...]:
    """The models in this run's configuration. ConfigError if the run is offline, which no live model supports."""
    entries = tuple(entry for entry in live_models() if config.models[entry.name].model)
    if entries and config.offline:
        raise ConfigError(f"{entries[0].name}.model: {entries[0].not_offline}")
    return entries


def pictures_of(entries: Sequence[LiveEntry]) -> tuple[ExtraPicture, ...]:
    """The pictures that these models publish beside the main one."""
    return tuple(picture for entry in entries for picture in BY_NAME[entry.name].pictures)


def conditions(config: Config, has_camera: Callable[[], bool]) -> Iterator[tuple[str, Check]]:
    """(address, check) for `ParamStore.add_condition`: values that need a model, a file or a device this run lacks.

    A menu item that has the name of a live model needs that model.
    """
    for entry in live_models():
        table = config.models[entry.name]
        yield from entry.conditions(table, has_camera)
        if not table.model:
            yield refusing(f"/{entry.name}/enable", entry.no_model, True)
            for param in osc_schema.PARAMS:
                if entry.name in param.menu:
                    yield refusing(param.address, entry.no_model, entry.name)


def first_values(config: Config) -> Iterator[tuple[str, Value]]:
    """The values that follow from the models' configuration."""
    for entry in live_models():
        table = config.models[entry.name]
        yield f"/{entry.name}/enable", bool(table.model)
        yield from entry.first_values(table)


def open_models(entries: Sequence[LiveEntry], around: Surroundings, closing: Closing) -> tuple[LiveModel, ...]:
    """Open each model without starting it; `closing` closes them. Raises ModelError early, before anything slow.

    A model whose own code fails is left out, with a report.
    """
    opened = []
    for entry in entries:
        try:
            open_model = resolve_name(entry.opened_by)
            opened.append(closing(open_model(entry, around)))
        except Exception as error:
            if isinstance(error, MultiverseError):  # what the user asked for is missing or wrong
                raise
            line = f"{entry.name}: cannot be opened, the run goes on without it ({in_one_line(error)})"
            around.report(f"{entry.name}.open", line)
    return tuple(opened)
