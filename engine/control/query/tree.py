"""The address space as OSCQuery's JSON: answers a GET of a path or of one of its attributes.

Only values, cues and the inputs of shaders change. So a node's JSON is encoded once, with a
placeholder for each value, and split at the placeholders; an answer joins the pieces with the
values of one snapshot.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import osc_schema
from engine.control.query.describe import (
    NO_VALUE,
    Attributes,
    describe_command,
    describe_container,
    describe_cue,
    describe_input,
    describe_message,
    describe_param,
    title_of,
)
from engine.osc.decode import printable
from engine.osc.encode import ReplyValue
from engine.params import Cue, ParamStore, Snapshot
from engine.params.shader_inputs import ShaderInput
from osc_schema import Area, Param, ParamType, PublishedMessage, fx
from osc_schema import cues as cues_schema

ATTRIBUTES: Final = frozenset(
    "FULL_PATH CONTENTS TYPE ACCESS VALUE RANGE DESCRIPTION TAGS EXTENDED_TYPE UNIT CRITICAL "
    "CLIPMODE OVERLOADS "
    "DEFAULT_VALUE MULTIVERSE".split()
)

_CUE: Final = re.compile(r"/cue/[0-9]+")
_MARK: Final = re.compile(rb'"\\u0000([^"]+)"')
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


Valued = Param | ShaderInput | PublishedMessage
"""A node with a value: a parameter, a shader's input by name, or a published message with its last
values."""


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
    valued: Valued | None = None
    """The holder of the node's value."""
    contents: "dict[str, _Node]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Template:
    pieces: tuple[bytes, ...]
    """The JSON around the values: one piece more than `valued`."""
    valued: tuple[Valued, ...]

    def fill(self, snapshot: Snapshot, last_values: Mapping[str, Sequence[ReplyValue]]) -> bytes:
        parts = [self.pieces[0]]
        for each, piece in zip(self.valued, self.pieces[1:], strict=True):
            parts += (_encode(_value(each, snapshot, last_values)).encode(), piece)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Space:
    """The nodes by path, with their encoded templates. Always replaced as a whole, so that any
    thread may read it."""

    nodes: dict[str, _Node]
    templates: dict[tuple[str, str | None], _Template] = field(default_factory=dict)


class QueryTree:
    """The tree of all parameters with current values, commands, pads, cues, and published messages.
    Any thread."""

    def __init__(
        self,
        store: ParamStore,
        last_values: Mapping[str, Sequence[ReplyValue]],
        pad_looks: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`last_values`: those of each published message by its address, as `Announcements` stores
        them. `pad_looks()`: the presets of the pads that /pad/1 and so on press, "" for an empty
        one."""
        self._store = store
        self._pad_looks = pad_looks
        self._shown_pad_looks = pad_looks()
        self._last_values = last_values
        nodes: dict[str, _Node] = {
            "/": _Node(
                {
                    "FULL_PATH": "/",
                    "ACCESS": NO_VALUE,
                    "DESCRIPTION": "Every parameter and command of the engine.",
                }
            )
        }
        for area in osc_schema.AREAS:
            for param in area.params:
                _add_leaf(_Node(describe_param(param, area), param), area, nodes)
            for command in area.commands:
                for each in command.fixed():
                    _add_leaf(_Node(describe_command(each, area)), area, nodes)
            for message in area.messages:
                for one in message.fixed():
                    if osc_schema.lookup_command(one.address) is None:
                        _add_leaf(_Node(describe_message(one, area), one), area, nodes)
        for node in nodes.values():
            _make_unique(node.contents.values())
        self._space = _Space(nodes)
        self._cues: dict[int, Cue] = {}
        self._inputs: dict[str, ShaderInput] = {}
        self._lock = threading.Lock()

    def show_cues(self, cues: Iterable[Cue]) -> tuple[PathEvent, ...]:
        """Replace the cues, `/cue/1` and so on; returns the changes. Any thread."""
        with self._lock:
            before = self._cues
            self._cues = {cue.number: cue for cue in cues}
            now = self._cues
            if now == before:
                return ()
            root = self._space.nodes["/"]
            container = self._space.nodes["/cue"]
            verbs = {name: node for name, node in container.contents.items() if not name.isdigit()}
            leaves = {
                str(number): _Node(describe_cue(now[number], cues_schema.AREA))
                for number in sorted(now)
            }
            container = replace(container, contents=verbs | leaves)
            root = replace(root, contents={**root.contents, "cue": container})
            fixed = {
                path: node for path, node in self._space.nodes.items() if not _CUE.fullmatch(path)
            }
            moved = {f"/cue/{number}": node for number, node in leaves.items()}
            self._space = _Space({**fixed, **moved, "/": root, "/cue": container})
        removed = tuple(
            PathEvent("PATH_REMOVED", f"/cue/{number}")
            for number in sorted(before.keys() - now.keys())
        )
        added = tuple(
            PathEvent("PATH_ADDED", f"/cue/{number}")
            for number in sorted(now.keys() - before.keys())
        )
        if removed or added:  # required by the proposal; also covers changed cues
            return (*removed, *added, PathEvent("PATH_CHANGED", "/cue"))
        return tuple(
            PathEvent("PATH_CHANGED", f"/cue/{number}")
            for number in now
            if now[number] != before[number]
        )

    def show_inputs(self, inputs: Iterable[ShaderInput]) -> tuple[PathEvent, ...]:
        """Replace the inputs of the shaders, `/fx/<slot>/<input>`; returns the changes. Any
        thread."""
        with self._lock:
            before = self._inputs
            self._inputs = {each.address: each for each in inputs}
            now = self._inputs
            nodes = {path: node for path, node in self._space.nodes.items() if path not in before}
            slots = {}
            for slot in fx.SLOTS:
                path = f"/fx/{slot}"
                contents = {
                    name: n
                    for name, n in nodes[path].contents.items()
                    if f"{path}/{name}" not in before
                }
                slots[slot] = nodes[path] = replace(nodes[path], contents=contents)
            for each in now.values():
                _, _, slot, name = each.address.split("/")
                node = _Node(describe_input(each, fx.AREA), each)
                nodes[each.address] = slots[slot].contents[name] = node
            container = replace(nodes["/fx"], contents={**nodes["/fx"].contents, **slots})
            root = replace(nodes["/"], contents={**nodes["/"].contents, "fx": container})
            self._space = _Space({**nodes, "/": root, "/fx": container})
        changed = [
            path for path in now.keys() & before.keys() if _shape(now[path]) != _shape(before[path])
        ]
        # a client keeps the range of a path that it knows
        lost = [*(before.keys() - now.keys()), *changed]
        return (
            *(PathEvent("PATH_REMOVED", path) for path in before if path in lost),
            *(
                PathEvent("PATH_ADDED", path)
                for path in now
                if path not in before or path in changed
            ),
        )

    def show_pads(self) -> tuple[PathEvent, ...]:
        """The changes of the pads' descriptions, which name their looks, since the last call. One
        thread."""
        before = self._shown_pad_looks
        self._shown_pad_looks = now = self._pad_looks()
        pairs = enumerate(zip(before, now, strict=True), start=1)
        return tuple(
            PathEvent("PATH_CHANGED", f"/pad/{number}")
            for number, (was, look) in pairs
            if was != look
        )

    def answer(
        self, path: str, attribute: str | None, host_info: Mapping[str, object]
    ) -> QueryAnswer:
        """The answer to `GET <path>` or `GET <path>?<attribute>`. The path is percent-decoded, the
        attribute is raw. A known attribute that the node lacks gives an empty object, as the
        proposal demands."""
        if attribute == "HOST_INFO":  # the same for every path
            return _json(200, host_info)
        self._describe_pads()
        space = self._space
        path = path.removesuffix("/") or "/"
        node = space.nodes.get(path)
        if node is None:
            return _json(404, {"error": f"{printable(path)}: no such path"})
        if attribute is not None and attribute not in ATTRIBUTES:
            return _json(
                400,
                {
                    "error": f"{printable(attribute, 40)}: no such attribute (known: "
                    f"{' '.join(sorted(ATTRIBUTES))})"
                },
            )
        if attribute == "VALUE" and node.valued is None:
            return QueryAnswer(204, b"")
        template = space.templates.get((path, attribute))
        if template is None:
            template = space.templates[path, attribute] = _template(space, node, attribute)
        return QueryAnswer(200, template.fill(self._store.snapshot(), self._last_values))

    def _describe_pads(self) -> None:
        """Describe each pad by its look, which a client shows as the name of the button."""
        with self._lock:
            for number, look in enumerate(self._pad_looks(), start=1):
                attributes = self._space.nodes[f"/pad/{number}"].attributes
                description = f"Pad {number}: {look or 'empty'}"
                if attributes["DESCRIPTION"] != description:
                    attributes["DESCRIPTION"] = description
                    self._space = replace(self._space, templates={})


def _add_leaf(node: _Node, area: Area, nodes: dict[str, _Node]) -> None:
    """Add a leaf to the tree, with the containers above it. One that is a container, too, keeps its
    name."""
    address = str(node.attributes["FULL_PATH"])
    parent = nodes["/"]
    path = ""
    *above, name = address.split("/")[1:]
    for part in above:
        path += f"/{part}"
        if path not in nodes:
            nodes[path] = parent.contents[part] = _Node(describe_container(path, area))
        parent = nodes[path]
    if address in nodes:
        node.contents = nodes[address].contents
        node.attributes["DESCRIPTION"] = nodes[address].attributes["DESCRIPTION"]
    nodes[address] = parent.contents[name] = node


def _make_unique(siblings: Collection[_Node]) -> None:
    """Make equal descriptions of siblings unique by their titles: some clients use the description
    as a name."""
    counts = Counter(str(node.attributes["DESCRIPTION"]).lower() for node in siblings)
    for attributes in (node.attributes for node in siblings):
        text = str(attributes["DESCRIPTION"])
        if counts[text.lower()] > 1:
            attributes["DESCRIPTION"] = f"{title_of(str(attributes['FULL_PATH']))}: {text}"


def _shape(view: ShaderInput) -> tuple[object, ...]:
    return view.type, view.label, view.aliases, view.lows, view.highs, view.default, view.param


def _template(space: _Space, node: _Node, attribute: str | None) -> _Template:
    whole = _as_json(node)
    if attribute is not None:
        whole = {key: value for key, value in whole.items() if key == attribute}
    pieces = _MARK.split(_encode(whole).encode())
    valued = [space.nodes[address.decode()].valued for address in pieces[1::2]]
    return _Template(tuple(pieces[::2]), tuple(each for each in valued if each is not None))


def _as_json(node: _Node) -> Attributes:
    """A node and everything below it, with placeholders for the values."""
    whole = dict(node.attributes)
    if node.valued is not None:
        whole["VALUE"] = f"\0{node.valued.address}"
    if node.contents:
        whole["CONTENTS"] = {name: _as_json(child) for name, child in node.contents.items()}
    return whole


def _value(
    valued: Valued, snapshot: Snapshot, last_values: Mapping[str, Sequence[ReplyValue]]
) -> list[object]:
    """The VALUE of a node, one item per type tag; null for a trigger, as the proposal demands.
    Zeros and empty texts before the first message."""
    if isinstance(valued, PublishedMessage):
        empty = [{"s": "", "i": 0, "f": 0.0}[each.type] for each in valued.arguments]
        return list(last_values.get(valued.address) or empty or [None])
    if isinstance(valued, ShaderInput):
        if valued.type == "event":
            return [None]
        input_value = valued.display_value([snapshot.number(alias) for alias in valued.aliases])
        return list(input_value) if isinstance(input_value, tuple) else [input_value]
    param = valued
    value = snapshot[valued.address]
    if param.type is ParamType.TRIGGER:
        return [None]
    return list(value) if isinstance(value, tuple) else [value]


def _json(status: int, content: object) -> QueryAnswer:
    return QueryAnswer(status, _encode(content).encode())
