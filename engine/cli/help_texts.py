"""One way to write the help of every command: whole first sentences in lists, ranges as `1..8`,
`(default: 1)`."""

import re
from typing import Any

_COUNTS = (None, "N", "COUNT")
_OWN_DEFAULT = re.compile(r" ?\((default: (?:[^()]|\([^()]*\))*)\)$")


def unify(command: Any) -> None:
    """Rewrite the help of a click command, and of all below it."""
    command.short_help = first_sentence(command.help or "")
    for param in command.params:
        _unify_param(param)
    for inner in getattr(command, "commands", {}).values():
        unify(inner)


def first_sentence(text: str) -> str:
    """The first sentence of a help, in one line without a full stop at its end."""
    sentence = re.split(r"(?<=[.:])\s", " ".join(text.split()), maxsplit=1)[0]
    return sentence.rstrip(":")


def _unify_param(param: Any) -> None:
    text = getattr(param, "help", None) or ""
    facts = [*_range_of(param), *_default_of(param)]
    own = _OWN_DEFAULT.search(text)
    if own is not None:
        facts.append(own[1])
        text = text[: own.start()]
    if (
        param.metavar is None
        and isinstance(param.default, int | float)
        and not isinstance(param.default, bool)
    ):
        param.metavar = "N"
    # Typer shows what these say behind the help, in brackets. Values are checked by the option's
    # type.
    param.min = None
    param.max = None
    param.show_default = False
    param.help = " ".join(filter(None, (text, f"({'; '.join(facts)})" if facts else "")))


def _range_of(param: Any) -> list[str]:
    low, high = getattr(param, "min", None), getattr(param, "max", None)
    if low is None or high is None:
        if low is not None:
            param.metavar = param.metavar or "N"
        return [] if low is None else [f"at least {_number(low)}"]
    if param.metavar in _COUNTS:
        param.metavar = f"{_number(low)}..{_number(high)}"
        return []
    return [f"{_number(low)}..{_number(high)}"]


def _default_of(param: Any) -> list[str]:
    default = param.default
    if not param.show_default or default is None or default in ("", (), []) or callable(default):
        return []
    if isinstance(default, bool):
        return [f"default: {param.opts[0]}"] if default and param.secondary_opts else []
    if isinstance(default, list | tuple):
        return [f"default: {' '.join(map(str, default))}"]
    return [f"default: {_number(default)}"]


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
