"""The address space as OSCQuery's JSON: what a GET of a path, or of one attribute of it, is answered.

All but the values is known from the start. A node's JSON is written once, with a mark in the place of each value, and
cut at the marks; an answer is those pieces with the values of one snapshot between them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import osc_schema
from engine.osc.decode import shown
from engine.params import ParamStore, Snapshot
from engine.query.describe import Attributes, describe_command, describe_param
from osc_schema import Area, Param, ParamType

NO_VALUE: Final = 0
ATTRIBUTES: Final = frozenset(
    "FULL_PATH CONTENTS TYPE ACCESS VALUE RANGE DESCRIPTION TAGS EXTENDED_TYPE UNIT CRITICAL CLIPMODE OVERLOADS "
    "DEFAULT_VALUE MULTIVERSE".split()
)

_MARK: Final = re.compile(rb'"\\u0000([^"]+)"')
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    status: int
    """200; 204: the node has no value to read; 400: no such attribute; 404: no such path."""
    body: bytes
    """JSON in ASCII; empty with 204."""


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


class QueryTree:
    """Every parameter, with its value of now, and every command that has one fixed address. Any thread."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store
        self._nodes: dict[str, _Node] = {
            "/": _Node(
                {"FULL_PATH": "/", "ACCESS": NO_VALUE, "DESCRIPTION": "Every parameter and command of the engine."}
            )
        }
        for area in osc_schema.AREAS:
            for param in area.params:
                self._add(_Node(describe_param(param, area), param), area)
            for command in area.commands:
                if "<" not in command.address:  # stands for many addresses; a message to it as it is written fails
                    self._add(_Node(describe_command(command, area)), area)
        self._templates: dict[tuple[str, str | None], _Template] = {}

    def _add(self, node: _Node, area: Area) -> None:
        """Hang a leaf into the tree, under containers that are made on the way."""
        address = str(node.attributes["FULL_PATH"])
        parent, path = self._nodes["/"], ""
        *above, name = address.split("/")[1:]
        for part in above:
            path += f"/{part}"
            if path not in self._nodes:
                description = area.description if path.count("/") == 1 else area.title
                self._nodes[path] = parent.contents[part] = _Node(
                    {"FULL_PATH": path, "ACCESS": NO_VALUE, "DESCRIPTION": description}
                )
            parent = self._nodes[path]
        self._nodes[address] = parent.contents[name] = node

    def answer(self, path: str, attribute: str | None, host_info: Mapping[str, object]) -> QueryAnswer:
        """What `GET <path>` or `GET <path>?<attribute>` is told. The path is percent-decoded, the attribute as it came.

        A known attribute that says nothing about a node is an empty object, as the proposal has it.
        """
        if attribute == "HOST_INFO":  # the path does not matter
            return _json(200, host_info)
        path = path.removesuffix("/") or "/"
        node = self._nodes.get(path)
        if node is None:
            return _json(404, {"error": f"{shown(path)}: no such path"})
        if attribute is not None and attribute not in ATTRIBUTES:
            return _json(
                400, {"error": f"{shown(attribute, 40)}: no such attribute (known: {' '.join(sorted(ATTRIBUTES))})"}
            )
        if attribute == "VALUE" and node.param is None:
            return QueryAnswer(204, b"")
        template = self._templates.get((path, attribute))
        if template is None:
            template = self._templates[path, attribute] = _template(node, attribute)
        return QueryAnswer(200, template.fill(self._store.snapshot()))


def _template(node: _Node, attribute: str | None) -> _Template:
    whole = _as_json(node)
    if attribute is not None:
        whole = {key: value for key, value in whole.items() if key == attribute}
    pieces = _MARK.split(_encode(whole).encode())
    params = tuple(osc_schema.lookup(address.decode()) for address in pieces[1::2])
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
