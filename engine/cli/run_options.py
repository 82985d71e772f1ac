"""The configuration's keys, and the options of `multiverse run` that they declare
(`engine/system/run_option.py`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from engine.audio.open import KINDS as SOUNDS
from engine.errors import UsageError
from engine.jobs.kit.options import OptionInfo
from engine.sources.opening import FROM_PROGRAMS

if TYPE_CHECKING:
    from engine.live.kit.live_model import LiveEntry

MANY: Any = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    path: str
    """Such as `osc.listen`."""
    help: str
    """Its description, with the kinds that are declared elsewhere."""
    info: OptionInfo | None
    """Its option; None if it stands in files only."""
    kind: Any
    """Type of the option: bool, tuple[str, ...] or str | None."""

    @property
    def name(self) -> str:
        """Name of the command's parameter."""
        return self.info.flags[2:].replace("-", "_") if self.info else ""


def keys_of(
    table: type[msgspec.Struct], at: str = "", entries: "Sequence[LiveEntry]" = ()
) -> Iterator[Key]:
    """The described keys of a table and of the tables in it. `entries`: whose tables are those in
    `models`."""
    for each in msgspec.structs.fields(table):
        path = f"{at}.{each.encode_name}".removeprefix(".")
        if path == "models":
            for entry in entries:
                yield from keys_of(entry.table, entry.name)
        elif isinstance(each.type, type) and issubclass(each.type, msgspec.Struct):
            yield from keys_of(each.type, path)
        for meta in getattr(each.type, "__metadata__", ()):
            if meta.description:
                yield _key(path, get_args(each.type)[0], meta)


def options_of(keys: Sequence[Key]) -> type:
    """A dataclass for `job_options`, with a field for each key that is an option."""
    declared = [
        (
            key.name,
            key.kind,
            field(default={bool: False, MANY: ()}.get(key.kind), metadata={"option": key.info}),
        )
        for key in keys
        if key.info
    ]
    return make_dataclass("Options", declared, frozen=True, kw_only=True)


def settings_from(keys: Sequence[Key], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set, by path of the key, such as `NAME.video`."""
    return {key.path: options[key.name] for key in keys if _is_set(options.get(key.name))}


def require_model(entry: "LiveEntry", options: Mapping[str, Any], model: str) -> None:
    """Raise UsageError for an option that has no effect. `model`: as configured; "" for none."""
    keys = [key for key in keys_of(entry.table, entry.name) if key.info]
    for key in keys:
        if not model and _is_set(options.get(key.name)) and key.info:
            takes = next(
                each.info.metavar for each in keys if each.info and each.path.endswith(".model")
            )
            raise UsageError(
                f"{key.info.flags} is for {entry.title}: it needs --{entry.name} {takes}"
            )


def _key(path: str, kind: Any, meta: msgspec.Meta) -> Key:
    own = meta.extra or {}
    is_option = "metavar" in (meta.extra or {})
    parts = path.split(".")
    if len(parts) > 1 and parts[-1] in ("model", "listen"):  # `--osc` is osc.listen
        parts = parts[:-1]
    text = _with_kinds(meta.description or "")
    info = OptionInfo(
        help=text,
        flags=own.get("flags") or f"--{'-'.join(parts).replace('_', '-')}",
        metavar=_with_kinds(own.get("metavar") or "") or None,
        parse=own.get("parse"),
    )
    is_list = any(get_origin(each) in (tuple, dict) for each in (kind, *get_args(kind)))
    option_kind: Any = MANY if is_list and info.parse is None else str | None
    return Key(
        path=path,
        help=text,
        info=info if is_option else None,
        kind=bool if kind is bool else option_kind,
    )


def _with_kinds(text: str) -> str:
    programs = ", ".join(f"{kind}:NAME" for kind in FROM_PROGRAMS)
    return text.replace("{programs}", programs).replace("{sounds}", "|".join(SOUNDS))


def _is_set(value: Any) -> bool:
    return value is not None and value is not False and value != ()
