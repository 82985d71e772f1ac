"""Makes the options of a command from the fields of a job's dataclass; see
engine/jobs/kit/options.py.

    @job_options(SegmentJob)
    def segment(source: ..., *, as_json: ... = False, **options: Any) -> None:
        job = SegmentJob(source=source, **options)

Typer reads the signature built here: the command's own parameters, with the fields' before its
keyword ones.
"""

import functools
import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import typer

from engine.errors import UsageError
from engine.jobs.kit.options import OptionInfo

Command = Callable[..., Any]
Kind = TypeVar("Kind")


def job_options(
    *kinds: type, tables: Mapping[type, Mapping[str, OptionInfo]] | None = None
) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command: the fields of `kinds`, by their metadata,
    and of `tables`.

    `tables`: dataclasses, with the options of their fields by name. The command gets the values
    under the fields' names, without the configured options that are not on the command line."""
    found = [entry for kind in kinds for entry in _fields_of(kind, {})]
    found += [entry for kind, table in (tables or {}).items() for entry in _fields_of(kind, table)]

    def decorate(command: Command) -> Command:
        own = list(inspect.signature(command).parameters.values())
        positional = [each for each in own if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        last = [each for each in own if each.kind is inspect.Parameter.KEYWORD_ONLY]
        generated = [_parameter(each, hint, info) for each, hint, info in found]

        @functools.wraps(command)
        def run(**values: Any) -> Any:
            options = {}
            for each, hint, info in found:
                value = values.pop(each.name)
                if value is not None or not (info.is_configured or _is_tuple(hint)):
                    options[each.name] = _parsed(value, hint, info, info.flags_of(each.name))
            return command(**values, **options)

        parameters = [*positional, *generated, *last]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # functions take attributes
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def pop_options(kind: type[Kind], options: dict[str, Any]) -> Kind:
    """Make a `kind` from its options and remove them from `options`."""
    names = [each.name for each in fields(kind) if each.name in options]  # type: ignore[arg-type]  # a dataclass
    return kind(**{name: options.pop(name) for name in names})


def is_on_command_line(context: typer.Context, name: str) -> bool:
    """True if the option was set on the command line, not by its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _fields_of(
    kind: type, table: Mapping[str, OptionInfo]
) -> list[tuple[Field[Any], Any, OptionInfo]]:
    hints = get_type_hints(kind)
    infos = {
        each.name: table.get(each.name) or each.metadata.get("option") for each in fields(kind)
    }
    return [
        (each, hints[each.name], info)
        for each in fields(kind)
        if (info := infos[each.name]) is not None
    ]


def _parameter(each: Field[Any], hint: Any, info: OptionInfo) -> inspect.Parameter:
    default = (
        None if each.default is MISSING or info.is_configured or _is_tuple(hint) else each.default
    )
    kind = _type_on_the_command_line(hint, info)
    value = typer.Option(
        *info.flags_of(each.name).split(),
        metavar=info.metavar,
        help=info.help,
        min=info.low,
        max=info.high,
        show_default=info.shows_default and default is not None,
    )
    return inspect.Parameter(
        each.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, value],
    )


def _type_on_the_command_line(hint: Any, info: OptionInfo) -> Any:
    if _is_tuple(hint):
        return list[str] | None
    kind = str if info.parse else hint
    is_optional = get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)
    return kind | None if info.is_configured and not is_optional else kind


def _parsed(value: Any, hint: Any, info: OptionInfo, flags: str) -> Any:
    """The value as the field has it. UsageError, with the option's name, for a text that cannot be
    read."""
    try:
        if _is_tuple(hint):
            return tuple(info.parse(text) if info.parse else text for text in value)
        return info.parse(value) if info.parse and isinstance(value, str) else value
    except UsageError as error:
        if str(error).startswith("--"):
            raise
        raise UsageError(f"{re.split('[/ ]', flags)[0]}: {error}") from None


def _is_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple
