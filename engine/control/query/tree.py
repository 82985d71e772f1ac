"""The address space as OSCQuery's JSON: answers a GET of a path or of one of its attributes.

Only values and cues change. So a node's JSON is encoded once, with a placeholder for each value, and split at the
placeholders; an answer joins the pieces with the values of one snapshot.
"""

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import osc_schema
from engine.control.query.describe import (
    NO_VALUE,
    Attributes,
    describe_command,
    describe_container,
    describe_cue,
    describe_param,
)
from engine.osc.decode import shown
from engine.params import Cue, ParamStore, Snapshot
from osc_schema import Area, Param, ParamType
from osc_schema import cues as cues_schema

ATTRIBUTES: Final = frozenset(
    "FULL_PATH CONTENTS TYPE ACCESS VALUE RANGE DESCRIPTION TAGS EXTENDED_TYPE UNIT CRITICAL CLIPMODE OVERLOADS "
    "DEFAULT_VALUE MULTIVERSE".split()
)

_PARAMS: Final = {param.address: param for param in osc_schema.PARAMS}
_CUE: Final = re.compile(r"/cue/[0-9]+")
_MARK: Final = re.compile(rb'"\\u0000([^"]+)"')
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    status: int
    """200; 204: the node has no value to read; 400: no such attribute; 404: no such path."""
    body: bytes
    """JSON in ASCII; empty with 204."""


@dataclass(frozen=True, slots=True)
class PathEvent:
    """A change of the tree, sent to clients that have read it."""

    command: str
    """PATH_ADDED, PATH_REMOVED or PATH_CHANGED."""
    path: str


@dataclass(slots=True)
class _Node:
    attributes: Attributes
    param: Param | None = None
    contents: "dict[str, _Node]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Template:
    pieces: tuple[bytes, ...]
    """The JSON around the values: one piece more than `params`."""
    params: tuple[Param, ...]

    def fill(self, snapshot: Snapshot) -> bytes:
        parts = [self.pieces[0]]
        for param, piece in zip(self.params, self.pieces[1:], strict=True):
            parts += (_encode(_value(param, snapshot)).encode(), piece)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Space:
    """The nodes by path, with their encoded templates. Always replaced as a whole, so that any thread may read it."""

    nodes: dict[str, _Node]
    templates: dict[tuple[str, str | None], _Template] = field(default_factory=dict)


class QueryTree:
    """Every parameter with its current value, every command with a fixed address, every cue. Any thread."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store
        nodes: dict[str, _Node] = {
            "/": _Node(
                {"FULL_PATH": "/", "ACCESS": NO_VALUE, "DESCRIPTION": "Every parameter and command of the engine."}
            )
        }
        for area in osc_schema.AREAS:
            for param in area.params:
                _add_leaf(_Node(describe_param(param, area), param), area, nodes)
            for command in area.commands:
                if "<" not in command.address:  # this address stands for many; a message to the address itself fails
                    _add_leaf(_Node(describe_command(command, area)), area, nodes)
        self._space = _Space(nodes)
        self._cues: dict[int, Cue] = {}
        self._lock = threading.Lock()

    def show_cues(self, cues: Iterable[Cue]) -> tuple[PathEvent, ...]:
        """Replace the cues, `/cue/1` and so on; returns the changes. Any thread."""
        with self._lock:
            before, self._cues = self._cues, {cue.number: cue for cue in cues}
            now = self._cues
            if now == before:
                return ()
            root, container = self._space.nodes["/"], self._space.nodes["/cue"]
            verbs = {name: node for name, node in container.contents.items() if not name.isdigit()}
            leaves = {str(number): _Node(describe_cue(now[number], cues_schema.AREA)) for number in sorted(now)}
            container = replace(container, contents=verbs | leaves)
            root = replace(root, contents={**root.contents, "cue": container})
            fixed = {path: node for path, node in self._space.nodes.items() if not _CUE.fullmatch(path)}
            moved = {f"/cue/{number}": node for number, node in leaves.items()}
            self._space = _Space({**fixed, **moved, "/": root, "/cue": container})
        removed = tuple(PathEvent("PATH_REMOVED", f"/cue/{number}") for number in sorted(before.keys() - now.keys()))
        added = tuple(PathEvent("PATH_ADDED", f"/cue/{number}") for number in sorted(now.keys() - before.keys()))
        if removed or added:  # required by the proposal; also covers changed cues
            return (*removed, *added, PathEvent("PATH_CHANGED", "/cue"))
        return tuple(PathEvent("PATH_CHANGED", f"/cue/{number}") for number in now if now[number] != before[number])

    def answer(self, path: str, attribute: str | None, host_info: Mapping[str, object]) -> QueryAnswer:
        """The answer to `GET <path>` or `GET <path>?<attribute>`. The path is percent-decoded, the attribute is raw.

        A known attribute that the node lacks gives an empty object, as the proposal demands.
        """
        if attribute == "HOST_INFO":  # the same for every path
            return _json(200, host_info)
        space = self._space
        path = path.removesuffix("/") or "/"
        node = space.nodes.get(path)
        if node is None:
            return _json(404, {"error": f"{shown(path)}: no such path"})
        if attribute is not None and attribute not in ATTRIBUTES:
            return _json(
                400, {"error": f"{shown(attribute, 40)}: no such attribute (known: {' '.join(sorted(ATTRIBUTES))})"}
            )
        if attribute == "VALUE" and node.param is None:
            return QueryAnswer(204, b"")
        template = space.templates.get((path, attribute))
        if template is None:
            template = space.templates[path, attribute] = _template(node, attribute)
        return QueryAnswer(200, template.fill(self._store.snapshot()))


def _add_leaf(node: _Node, area: Area, nodes: dict[str, _Node]) -> None:
    """Add a leaf to the tree, with the containers above it."""
    address = str(node.attributes["FULL_PATH"])
    parent, path = nodes["/"], ""
    *above, name = address.split("/")[1:]
    for part in above:
        path += f"/{part}"
        if path not in nodes:
            nodes[path] = parent.contents[part] = _Node(describe_container(path, area))
        parent = nodes[path]
    nodes[address] = parent.contents[name] = node


def _template(node: _Node, attribute: str | None) -> _Template:
    whole = _as_json(node)
    if attribute is not None:
        whole = {key: value for key, value in whole.items() if key == attribute}
    pieces = _MARK.split(_encode(whole).encode())
    params = tuple(_PARAMS[address.decode()] for address in pieces[1::2])
    return _Template(tuple(pieces[::2]), params)


def _as_json(node: _Node) -> Attributes:
    """A node and everything below it, with placeholders for the values."""
    whole = dict(node.attributes)
    if node.param is not None:
        whole["VALUE"] = f"\0{node.param.address}"
    if node.contents:
        whole["CONTENTS"] = {name: _as_json(child) for name, child in node.contents.items()}
    return whole


def _value(param: Param, snapshot: Snapshot) -> list[object]:
    """One item per type tag; null for a trigger, as the proposal demands."""
    value = snapshot[param.address]
    if param.type is ParamType.TRIGGER:
        return [None]
    return list(value) if isinstance(value, tuple) else [value]


def _json(status: int, content: object) -> QueryAnswer:
    return QueryAnswer(status, _encode(content).encode())
