"""The options of `multiverse run` that the live models declare: the keys of their tables that have an `option`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, make_dataclass
from typing import TYPE_CHECKING, Any, get_origin

import msgspec

from engine.errors import UsageError
from engine.jobs.kit.options import option

if TYPE_CHECKING:
    from engine.live.kit.live_model import LiveEntry


def options_of(entries: "Sequence[LiveEntry]") -> type:
    """A dataclass for `job_options`: `--NAME` for the key `model` of the table, `--NAME-VIDEO` for its key `video`."""
    declared: list[tuple[str, Any, Field[Any]]] = []
    for entry in entries:
        for key, name, meta in _optional_keys(entry):
            is_list = get_origin(key.type.__origin__) is tuple
            info = option(() if is_list else None, meta.description or "", metavar=(meta.extra or {})["metavar"])
            declared.append((name, tuple[str, ...] if is_list else str | None, info))
    return make_dataclass("Options", declared, frozen=True, kw_only=True)


def settings_from(entries: "Sequence[LiveEntry]", options: Mapping[str, Any]) -> dict[str, Any]:
    """The options given, by key of the configuration, such as `NAME.video`."""
    return {
        f"{entry.name}.{key.name}": options[name]
        for entry in entries
        for key, name, _ in _optional_keys(entry)
        if options.get(name) not in (None, ())
    }


def require_model(entry: "LiveEntry", options: Mapping[str, Any], model: str) -> None:
    """Raise UsageError for an option that has no effect. `model`: as configured; "" for none."""
    for _, name, _ in _optional_keys(entry):
        if not model and options.get(name) not in (None, ()):
            takes = next((meta.extra or {})["metavar"] for own, _, meta in _optional_keys(entry) if own.name == "model")
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag} is for {entry.title}: it needs --{entry.name} {takes}")


def _optional_keys(entry: "LiveEntry") -> Iterator[tuple[Any, str, msgspec.Meta]]:
    """The keys of its table that are options, each with the name of the option."""
    for key in msgspec.structs.fields(entry.table):
        for meta in getattr(key.type, "__metadata__", ()):
            if "metavar" in (meta.extra or {}):
                yield key, entry.name if key.name == "model" else f"{entry.name}_{key.name}", meta
