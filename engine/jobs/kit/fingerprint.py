"""The fingerprint of a run: everything that affects its output, as plain values under the names
used in messages.

An interrupted run can be resumed if both fingerprints are equal. Otherwise a message lists the
differences: `--steps was 5, is 20, the source has changed`.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models import locate
from engine.system.work_folder import file_key

MAX_PRINTED = 40  # characters of a value in a message

Fingerprint = dict[str, Any]


def fingerprint_of(values: Fingerprint) -> Fingerprint:
    """Normalise `values` through JSON: tuples become lists. Messages show the key
    `--lora|lora_weights` as `--lora`."""
    plain: Fingerprint = json.loads(json.dumps(values))
    return plain


def differences(before: Fingerprint, now: Fingerprint, *, but: Iterable[str] = ()) -> str:
    """Describe differences: `--steps was 5, is 20, the source has changed`; "" if none. `but`: keys
    that may differ."""
    free = set(but)
    found = {}
    for name in [*now, *(name for name in before if name not in now)]:
        one = before.get(name)
        other = now.get(name)
        if one != other and name not in free:
            found[name.partition("|")[0]] = difference(one, other)
    return ", ".join(f"{name} {text}" for name, text in found.items())


def difference(before: Any, now: Any) -> str:
    """Describe a change: `was 5, is 20`, or `has changed` for values that are too long to print."""
    texts = [value if isinstance(value, str) and value else _text(value) for value in (before, now)]
    values = [
        "not given" if value is None else text
        for value, text in zip((before, now), texts, strict=True)
    ]
    is_list = isinstance(now, list | dict) and not _is_range(now)
    is_short = all(len(value) <= MAX_PRINTED for value in values) and not is_list
    return f"was {values[0]}, is {values[1]}" if is_short else "has changed"


def _text(value: Any) -> str:
    """JSON; ranges, sizes, names and weights as they are given: `40..160`, `640x480`,
    `snow=0.3,grass=0.7`."""
    if _is_range(value):
        return "..".join(f"{end:g}" for end in dict.fromkeys(value))
    if isinstance(value, list) and value:
        if len(value) == 2 and all(type(side) is int for side in value):
            return f"{value[0]}x{value[1]}"
        parts = [
            part if isinstance(part, list) and len(part) == 2 else [part, None] for part in value
        ]
        if all(
            isinstance(name, str) and isinstance(weight, int | float | None)
            for name, weight in parts
        ):
            return ",".join(
                name if weight is None else f"{name}={weight:g}" for name, weight in parts
            )
    return json.dumps(value)


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(end, float) for end in value)
    )


def digest_of_files(paths: Iterable[Path]) -> str:
    """A digest of the identity (path, size, modification time) of files, and of all files in
    folders."""
    files = [
        file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
    ]
    return digest([file_key(file) for file in files if file.is_file()])


def digest(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def model_files(name: str) -> list[Path]:
    """The file or folder of a model; empty if there is none, or if it is on another machine."""
    try:
        return [locate.find(name)] if name else []
    except ModelError:
        return []
