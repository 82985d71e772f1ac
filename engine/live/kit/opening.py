"""Finds the live models that are installed, opens and starts those in the configuration.

A model whose own code fails in one of these steps is left out, with one line, and the run continues
without it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pkgutil import resolve_name
from typing import Any

import osc_schema
from engine.config import Config
from engine.errors import ConfigError, MultiverseError, in_one_line
from engine.live.kit.live_model import (
    Check,
    ListEntry,
    ListRequest,
    LiveEntry,
    LiveModel,
    Surroundings,
)
from engine.live.kit.refusing import refusing
from engine.params import ParamStore, Snapshot
from engine.system.closing import Closing
from engine.system.reporting import Report
from osc_schema import ExtraPicture, Value, plugins
from osc_schema.live_models import BY_NAME, live_entries

FAILED = "the model has failed at the start of this run"
_failed: set[str] = set()
"""Names of the models that failed in `with_implied`."""


def live_models() -> tuple[LiveEntry, ...]:
    """The installed models in order of processing: SAM3 may cut out of the picture that SD has
    painted."""
    return tuple(live_entries().values())


def model_lists(
    config: Config, store: ParamStore, opened: tuple[LiveModel, ...]
) -> dict[str, Callable[[], Iterable[ListEntry]]]:
    """Functions behind the commands AT/list, by AT: the entries of all installed models, opened or
    not."""
    children = {model.name: model.supervisor for model in opened}

    def listed(entry: LiveEntry, at: str, listing: str) -> Iterable[ListEntry]:
        facts = children[entry.name].status().facts if entry.name in children else {}
        request = ListRequest(table=config.models[entry.name], value=store.get, facts=facts)
        entries: Iterable[ListEntry] = resolve_name(listing)(at, request)
        return entries

    return {
        at: partial(listed, entry, at, how)
        for entry in live_models()
        for at, how in entry.lists.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsOfRun:
    """The live models as a run needs to know them before it opens any."""

    entries: tuple[LiveEntry, ...]
    missing: Mapping[str, str]
    """Why each model that has parameters is not there, if it is not."""
    conditions: tuple[tuple[str, Check], ...]
    """(address, check) for `ParamStore.add_condition`: values that need a model, a file or a device
    this run lacks. A menu item that has the name of a live model needs that model."""
    first_values: tuple[tuple[str, Value], ...]
    """The values that follow from the models' configuration."""

    @property
    def pictures(self) -> tuple[ExtraPicture, ...]:
        """The pictures that these models publish beside the main one."""
        return tuple(picture for entry in self.entries for picture in BY_NAME[entry.name].pictures)


def with_implied(options: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the settings of the options those that follow from them for each model
    (`LiveEntry.implied`)."""
    settings = dict(options)
    for entry in live_models():
        failures: list[str] = []
        with _catch_model_error(failures.append):
            settings = {**entry.implied(settings, file), **settings}
        for why in failures:
            _failed.add(entry.name)
            plugins.leave_out(plugins.declared("multiverse.models")[entry.name], why)
    return settings


def refuse_offline(config: Config) -> None:
    """Raise ConfigError if the run is offline and has a live model, none of which can be
    repeated."""
    for entry in live_models():
        if config.offline and config.models[entry.name].model:
            raise ConfigError(f"{entry.name}.model: {entry.not_offline}")


def models_of(config: Config, has_camera: Callable[[], bool], report: Report) -> ModelsOfRun:
    """The models of this run, including those that are not configured: their commands are
    refused."""
    active: dict[str, LiveEntry] = {}
    missing = dict.fromkeys(BY_NAME, FAILED)
    conditions: list[tuple[str, Check]] = []
    first_values: list[tuple[str, Value]] = []
    for entry in live_models():
        table = config.models[entry.name]
        with _skip_on_error(entry.name, "configured", report):
            own = tuple(entry.conditions(table, has_camera)), tuple(entry.first_values(table))
            if table.model and entry.name not in _failed:
                active[entry.name] = entry
            elif entry.name not in _failed:
                missing[entry.name] = entry.no_model
            conditions += own[0]
            first_values += own[1]
    for name, reason in missing.items():
        first_values.append((f"/{name}/enable", name in active))
        conditions += () if name in active else _refusing_model(name, reason)
    return ModelsOfRun(
        entries=tuple(active.values()),
        missing=missing,
        conditions=tuple(conditions),
        first_values=tuple(first_values),
    )


def _refusing_model(name: str, reason: str) -> list[tuple[str, Check]]:
    """Conditions that refuse to switch this model on, or to choose it in a menu."""
    named = (
        refusing(param.address, reason, name) for param in osc_schema.PARAMS if name in param.menu
    )
    return [refusing(f"/{name}/enable", reason, True), *named]


class LiveModels:
    def __init__(
        self, entries: tuple[LiveEntry, ...], around: Surroundings, closing: Closing
    ) -> None:
        """Open each model without starting it; `closing` closes them. Raises ModelError early,
        before anything slow."""
        self._around = around
        opened: list[LiveModel] = []
        for entry in entries:
            with _skip_on_error(entry.name, "opened", around.report):
                model = resolve_name(entry.opened_by)(entry, around)
                # raises for what is no live model, such as None
                names = (model.name, model.supervisor.status().name)
                if names != (entry.name, entry.name):
                    raise ValueError(f"it and its child are called {' and '.join(names)}")
                opened.append(closing(model))
        self.running = tuple(opened)
        """In order of effect: each can use what earlier ones added to the scene. After `start` only
        started ones."""

    def start(self, add_picture: Callable[[str, int, int], object]) -> None:
        """Start loading each model. `add_picture(name, width, height)` is called for each of its
        pictures. Those that could not be opened or started are switched off and refused from now
        on."""
        store = self._around.store
        started = list[LiveModel]()
        for model in self.running:
            snapshot = store.snapshot()
            with _skip_on_error(model.name, "started", self._around.report):
                model.start(snapshot)
                for picture, (width, height) in model.extra_pictures(snapshot).items():
                    add_picture(picture, width, height)
                started.append(model)
        self.running = tuple(started)
        configured = {name for name, table in self._around.config.models.items() if table.model}
        for name in configured - {model.name for model in started}:
            if store.get(f"/{name}/enable"):
                store.set(f"/{name}/enable", False)
            for condition in _refusing_model(name, FAILED):
                store.add_condition(*condition)


def describe_models(
    models: tuple[LiveModel, ...], snapshot: Snapshot, report: Report
) -> dict[str, list[str]]:
    """Lines about each model by name, as it describes itself (`LiveModel.describe`)."""
    lines = {}
    for model in models:
        with _skip_on_error(model.name, "described", report):
            lines[model.name] = list(model.describe(snapshot)) or [""]
    return lines


def _skip_on_error(name: str, step: str, report: Report) -> AbstractContextManager[None]:
    """End the block at an error of the model's own code, with a report."""
    line = f"{name}: cannot be {step}, the run continues without it"
    return _catch_model_error(lambda why: report(f"{name}.{step}", f"{line} ({why})"))


@contextmanager
def _catch_model_error(failed: Callable[[str], object]) -> Iterator[None]:
    """End the block at an error of the model's own code, and call `failed` with it, in one line."""
    try:
        yield
    except MultiverseError:  # what the user asked for is missing or wrong
        raise
    except Exception as error:
        failed(in_one_line(error))
