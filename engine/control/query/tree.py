"""The address space as OSCQuery's JSON: what a GET of a path, or of one attribute of it, is answered.

All but the values and the cues is known from the start. A node's JSON is written once, with a mark in the place of each
value, and cut at the marks; an answer is those pieces with the values of one snapshot between them.
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
    """What a client with an older tree must hear."""

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
    """One more than there are params."""
    params: tuple[Param, ...]

    def fill(self, snapshot: Snapshot) -> bytes:
        parts = [self.pieces[0]]
        for param, piece in zip(self.params, self.pieces[1:], strict=True):
            parts += (_encode(_value(param, snapshot)).encode(), piece)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Space:
    """The nodes by path, and what was already written of them. Replaced as a whole: any thread reads the one it has."""

    nodes: dict[str, _Node]
    templates: dict[tuple[str, str | None], _Template] = field(default_factory=dict)


class QueryTree:
    """Every parameter with its value of now, every command that has one fixed address, every cue. Any thread."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store
        nodes: dict[str, _Node] = {
            "/": _Node(
                {"FULL_PATH": "/", "ACCESS": NO_VALUE, "DESCRIPTION": "Every parameter and command of the engine."}
            )
        }
        for area in osc_schema.AREAS:
            for param in area.params:
                _hang(_Node(describe_param(param, area), param), area, nodes)
            for command in area.commands:
                if "<" not in command.address:  # stands for many addresses; a message to it as it is written fails
                    _hang(_Node(describe_command(command, area)), area, nodes)
        self._space = _Space(nodes)
        self._cues: dict[int, Cue] = {}
        self._showing = threading.Lock()

    def show_cues(self, cues: Iterable[Cue]) -> tuple[PathEvent, ...]:
        """List these cues from now on, `/cue/1` and so on; what has changed by that. Any thread."""
        with self._showing:
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
        if removed or added:  # the proposal wants this one beside them; it covers whatever else has changed
            return (*removed, *added, PathEvent("PATH_CHANGED", "/cue"))
        return tuple(PathEvent("PATH_CHANGED", f"/cue/{number}") for number in now if now[number] != before[number])

    def answer(self, path: str, attribute: str | None, host_info: Mapping[str, object]) -> QueryAnswer:
        """What `GET <path>` or `GET <path>?<attribute>` is told. The path is percent-decoded, the attribute as it came.

        A known attribute that says nothing about a node is an empty object, as the proposal has it.
        """
        if attribute == "HOST_INFO":  # the path does not matter
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


def _hang(node: _Node, area: Area, nodes: dict[str, _Node]) -> None:
    """Put a leaf into the tree, under containers that are made on the way."""
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
    """The node and all below it, with a mark where a value belongs."""
    whole = dict(node.attributes)
    if node.param is not None:
        whole["VALUE"] = f"\0{node.param.address}"
    if node.contents:
        whole["CONTENTS"] = {name: _as_json(child) for name, child in node.contents.items()}
    return whole


def _value(param: Param, snapshot: Snapshot) -> list[object]:
    """One item a type tag; a trigger's `I` is null, as the proposal has it."""
    value = snapshot[param.address]
    if param.type is ParamType.TRIGGER:
        return [None]
    return list(value) if isinstance(value, tuple) else [value]


def _json(status: int, content: object) -> QueryAnswer:
    return QueryAnswer(status, _encode(content).encode())
