"""A patch for Max 8 or newer: one tab per area, two-way control, and the picture over Syphon or
Spout.

Each control is a separate row that can be copied into any patch. Values from the engine arrive
through `r` with the parameter's address (`r /layer/1/angle`) and are shown with `set`, so there is
no feedback loop; changes leave through `s multiverse-out`. `r multiverse-in` receives everything. A
locked tab shows labels and controls only. The patch sends nothing in its first half second, because
Max's dials output their loaded values then.

Incoming messages are dispatched once, in `p addresses`, by a chain of `route` objects with
MAX_ADDRESSES addresses each, so that a message reaches only its own control. It is a chain, not a
tree by the parts of the address: `route` matches whole symbols, and it is undocumented how
`fromsymbol @separator /` handles a leading slash, numbers and the arguments after the address.

The receiver object is created when the picture is switched on. Only one of jit.gl.syphonclient
(macOS) and jit.gl.spoutreceiver (Windows) exists on a system, and each is a package to install; the
other would be an unknown object and print an error each time the patch is opened. `; max getsystem`
returns the system (Cycling '74, Controlling Max with Messages), and `thispatcher` creates the
object in place of the one named `picture`. The reference calls creating objects unsupported, but in
a single file there is no other way in Max 8, and many published patches do it. The object is then
queried for its sender: until it answers, the patch says what to install.
"""

import json
from collections.abc import Iterable
from itertools import pairwise
from math import log
from typing import Any

from osc_schema.generate.pages import (
    Page,
    Panel,
    SurfaceControl,
    columns,
    default_text,
    hint,
    pages,
)
from osc_schema.live_models import found_objects
from osc_schema.scale import Scale, scale_of
from osc_schema.types import Area, Param, ParamType

HOST = "127.0.0.1"
PORT = 9000
LISTEN_PORT = 9001
SENDER = "Multiverse"
"""Name of the Syphon server and of the Spout sender (`/sink/syphon/name`, `/sink/spout/name`)."""
# three heartbeats
QUIET_MS = 500
SILENCE_MS = 3000
MAX_ADDRESSES = 40  # per `route`: one outlet each, and few boxes in the chain
RECEIVERS = (
    ("macintosh", "Syphon", "jit.gl.syphonclient", "servername"),
    ("windows", "Spout", "jit.gl.spoutreceiver", "sendername"),
)
"""Max's name of the system, the package, the object in it, and its attribute for the sender's
name."""

FOUND_OBJECTS = found_objects()
HEARTBEAT = "/engine/heartbeat"
OBJECT_MESSAGES = (FOUND_OBJECTS.count.address, FOUND_OBJECTS.best)

_MAX_ROWS, _MAX_COLUMNS = 12, 4
_ROW_PX = 44
_COLUMN_PX = 340
_LABEL_PX = 130
_TITLE_PX = 30
_WIRING_PX = 30
# of a comment as wide as a page, in Max's default font, Arial 12
_LINE_LETTERS = 100
_LINE_PX = 14
# width of a column in `p addresses`, and length of a line of its `route`
_ROUTE_PX = 360.0
_ROUTE_LETTERS = 48
_NUMBERS = (ParamType.FLOAT, ParamType.STOPS)
_TYPE_FLOAT = 0  # parameter_type
_UNIT_FLOAT = 1  # parameter_unitstyle


def max_patch(
    areas: Iterable[Area], *, host: str = HOST, port: int = PORT, listen_port: int = LISTEN_PORT
) -> str:
    """The patch as JSON text, for an engine at host:port that answers to listen_port on this
    machine."""
    areas = tuple(areas)
    main = _Patcher(900, 720)
    _connection(main, host, port, listen_port, _addresses(areas))
    _picture(main)
    _objects(main)
    for at, page in enumerate(pages(areas)):
        main.window(page.title, 620, 40 + 28 * at, _page_patcher(page))
    text = json.dumps({"patcher": main.as_dict()}, ensure_ascii=False)
    for element in ("box", "patchline"):
        # one line each; quotes inside texts are escaped
        text = text.replace(f', {{"{element}"', f',\n{{"{element}"')
    return text + "\n"


class _Patcher:
    """A Max patcher: boxes and the patch cords between them."""

    def __init__(self, width: float, height: float) -> None:
        self._size = (width, height)
        self._boxes: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []

    def box(
        self,
        kind: str,
        x: float,
        y: float,
        w: float,
        h: float,
        inlets: int,
        outlets: str,
        **more: Any,
    ) -> str:
        """Add a box and return its id. `outlets`: one word per outlet, `-` for messages of any
        kind."""
        types = ["" if each == "-" else each for each in outlets.split()]
        name = f"obj-{len(self._boxes) + 1}"
        box = {"id": name, "maxclass": kind, "numinlets": inlets, "numoutlets": len(types)}
        if types:
            box["outlettype"] = types
        self._boxes.append({"box": {**box, "patching_rect": [x, y, w, h], **more}})
        return name

    def object(
        self, text: str, x: float, y: float, w: float, inlets: int, outlets: str, **more: Any
    ) -> str:
        return self.box("newobj", x, y, w, 22.0, inlets, outlets, text=text, **more)

    def comment(self, text: str, x: float, y: float, w: float, **more: Any) -> str:
        return self.box("comment", x, y, w, 20.0, 1, "", text=text, **more)

    def window(self, title: str, x: float, y: float, patcher: "_Patcher") -> None:
        """Add a subpatcher that is shown as a tab."""
        name = f'p "{title}"' if " " in title else f"p {title}"
        self.object(name, x, y, 180.0, 0, "", patcher={**patcher.as_dict(), "showontab": 1})

    def message(self, text: str, x: float, y: float, w: float, **more: Any) -> str:
        return self.box("message", x, y, w, 22.0, 2, "-", text=text, **more)

    def cord(self, source: str, outlet: int, target: str, inlet: int = 0, **more: Any) -> None:
        line = {"source": [source, outlet], "destination": [target, inlet], **more}
        self._lines.append({"patchline": line})

    def chain(self, *boxes: str, **more: Any) -> None:
        """Connect the first outlet of each box to the first inlet of the next."""
        for source, target in pairwise(boxes):
            self.cord(source, 0, target, **more)

    def as_dict(self) -> dict[str, Any]:
        return {
            "fileversion": 1,
            "appversion": {
                "major": 8,
                "minor": 6,
                "revision": 0,
                "architecture": "x64",
                "modernui": 1,
            },
            "classnamespace": "box",
            "rect": [60.0, 100.0, *self._size],
            "openinpresentation": 0,
            "showrootpatcherontab": 1,
            "boxes": self._boxes,
            "lines": self._lines,
        }


def _connection(
    main: _Patcher, host: str, port: int, listen_port: int, addresses: _Patcher
) -> None:
    main.comment("MULTIVERSE", 20, 10, 200, fontface=1)
    main.comment(
        f"Engine at {host}:{port}, answers at UDP port {listen_port}. One tab per area.",
        20,
        34,
        560,
    )
    main.comment("connect and get all values", 60, 64, 300)
    main.comment("connected", 60, 96, 300)
    button = main.box("button", 20, 62, 24, 24, 1, "bang", hint="Connect and get all values")
    alive = main.box(
        "toggle", 20, 94, 24, 24, 1, "int", parameter_enable=0, hint="On while the engine answers"
    )
    begin = main.object("loadbang", 20, 140, 60, 1, "bang")
    pause = main.object(f"delay {QUIET_MS}", 20, 170, 70, 2, "bang")
    steps = main.object("t b b b", 20, 200, 60, 1, "bang bang bang")
    subscribe = main.box(
        "message", 180, 230, 170, 22, 2, "-", text=f"/engine/notify 1 {listen_port}"
    )
    opened = main.box("message", 130, 230, 30, 22, 2, "-", text="1")
    watch = main.object(f"delay {SILENCE_MS}", 20, 260, 80, 2, "bang")
    silent = main.box("message", 20, 290, 50, 22, 2, "-", text="set 0")
    out = main.object("r multiverse-out", 300, 140, 120, 0, "-")
    gate = main.object("gate 1", 180, 270, 50, 2, "-")
    send = main.object(f"udpsend {host} {port}", 180, 320, 170, 1, "")
    main.chain(begin, pause, steps)
    main.chain(button, steps)
    for outlet, target in ((2, opened), (1, subscribe), (0, watch)):
        main.cord(steps, outlet, target)
    main.chain(opened, gate, send)
    main.cord(out, 0, gate, 1)
    main.chain(subscribe, send)
    main.chain(watch, silent, alive)
    main.chain(watch, steps)
    receive = main.object(f"udpreceive {listen_port}", 400, 200, 130, 1, "-")
    spread = main.object("s multiverse-in", 400, 230, 120, 1, "")
    chain = main.object("p addresses", 400, 260, 120, 1, "", patcher=addresses.as_dict())
    beat = main.object(f"r {HEARTBEAT}", 400, 300, 160, 0, "-")
    here = main.object("t b b", 400, 330, 50, 1, "bang bang")
    status = main.box("message", 460, 360, 50, 22, 2, "-", text="set 1")
    main.chain(receive, spread)
    main.chain(receive, chain)
    main.chain(beat, here, watch)
    main.cord(here, 1, status)
    main.chain(status, alive)


def _addresses(areas: Iterable[Area]) -> _Patcher:
    """Dispatch messages from the engine to the `r` of their address; those without one are dropped.
    A published message has no control, but an `r` in any patch gets it."""
    areas = tuple(areas)
    params = (
        control.param
        for page in pages(areas)
        for panel in page.panels
        for control in panel.controls
    )
    valued = (param.address for param in params if param.type is not ParamType.TRIGGER)
    addresses = [
        *valued,
        *(each.address for area in areas for message in area.messages for each in message.fixed()),
    ]
    patcher = _Patcher(900, 720)
    source = patcher.box(
        "inlet", 20, 20, 30, 30, 0, "-", index=1, comment="Messages from the engine"
    )
    outlet = 0
    for column, start in enumerate(range(0, len(addresses), MAX_ADDRESSES)):
        names = addresses[start : start + MAX_ADDRESSES]
        text = f"route {' '.join(names)}"
        x = 20.0 + _ROUTE_PX * column
        lines = -(-len(text) // _ROUTE_LETTERS)
        size = (x, 70.0, _ROUTE_PX - 30.0, 8.0 + _LINE_PX * lines)
        route = patcher.box("newobj", *size, 1, "- " * (len(names) + 1), text=text, linecount=lines)
        patcher.cord(source, outlet, route)
        for at, name in enumerate(names):
            patcher.cord(
                route, at, patcher.object(f"s {name}", x, 420.0 + 26 * at, _ROUTE_PX - 30.0, 1, "")
            )
        source = route
        outlet = len(names)
    return patcher


def _picture(main: _Patcher) -> None:
    main.comment(
        "PICTURE: Syphon on macOS, Spout on Windows. The switch creates the receiver.", 20, 390, 560
    )
    switch = main.box(
        "toggle", 20, 420, 24, 24, 1, "int", parameter_enable=0, hint="Shows the picture"
    )
    says = main.comment("", 60, 422, 540)
    world = main.object(
        f"jit.world {SENDER} @enable 0 @size 1280 720", 20, 460, 260, 1, "- bang -", varname="world"
    )
    main.comment("The receiver appears here.", 20, 510, 330, varname="picture")
    main.chain(switch, world)
    hidden = {"hidden": 1}
    on = main.object("sel 1", 20, 760, 50, 2, "bang -", **hidden)
    ask = main.message(";\rmax getsystem multiverse-system", 20, 790, 220, **hidden)
    main.chain(switch, on, ask, **hidden)
    system = main.object("r multiverse-system", 20, 850, 130, 0, "-", **hidden)
    which = main.object(
        f"sel {' '.join(name for name, *_ in RECEIVERS)}", 20, 880, 150, 1, "bang bang -", **hidden
    )
    main.chain(system, which, **hidden)
    saved = ["#N", "thispatcher", ";", "#Q", "end", ";"]
    patcher = main.object("thispatcher", 20, 1030, 80, 1, "- -", save=saved, **hidden)
    for at, (_, package, receiver, attribute) in enumerate(RECEIVERS):
        y = 910 + 60 * at
        both = main.object("t b b", 20, y, 50, 1, "bang bang", **hidden)
        advice = (
            f"set {package} is missing. Install it: File > Show Package Manager > {package}. "
            "Then restart Max."
        )
        missing = main.message(advice, 820, y, 560, **hidden)
        make = main.message(
            "script delete picture, "
            f"script newdefault picture 20 510 {receiver} {SENDER} @{attribute} {SENDER}, "
            "script connect world 1 picture 0, script connect picture 0 world 0, "
            f"script connect picture 1 answer 0, script send picture get{attribute}",
            80, y, 420, **hidden,
        )  # fmt: skip
        main.cord(which, at, both, **hidden)
        main.cord(both, 1, missing, **hidden)
        main.chain(missing, says, **hidden)
        main.chain(both, make, patcher, **hidden)
    names = " ".join(attribute for *_, attribute in RECEIVERS)
    answer = main.object(f"route {names}", 20, 1070, 170, 1, "- - -", varname="answer", **hidden)
    here = main.object("t b", 20, 1100, 40, 1, "bang", **hidden)
    ready = main.message(
        f"set The receiver is ready and shows the sender {SENDER}.", 80, 1100, 420, **hidden
    )
    for outlet in range(len(RECEIVERS)):
        main.cord(answer, outlet, here, **hidden)
    main.chain(here, ready, says, **hidden)


def _objects(main: _Patcher) -> None:
    """Boxes for the number of SAM3 objects and the best one; they only display and send nothing to
    the engine."""
    main.comment(
        "OBJECTS: number of objects found by SAM3, and the best one. 0 to 1 from the top left.",
        20,
        580,
        560,
    )
    count, best = (
        main.object(f"r {name}", 20 + 130 * at, 605, 120, 0, "-")
        for at, name in enumerate(OBJECT_MESSAGES)
    )
    parts = main.object(
        "unpack 0 0 0. 0. 0. 0. 0.", 150, 635, 230, 1, "int int float float float float float"
    )
    main.chain(best, parts)
    for at, name in enumerate(
        ("objects", *(argument.name for argument in FOUND_OBJECTS.each.arguments))
    ):
        kind = "number" if name in ("objects", "id", "prompt") else "flonum"
        box = main.box(kind, 20 + 65 * at, 665, 55, 22, 1, "- bang", parameter_enable=0)
        main.comment(name, 20 + 65 * at, 689, 60)
        main.cord(parts if at else count, max(at - 1, 0), box)


def _page_patcher(page: Page) -> _Patcher:
    panels = columns(page, _MAX_ROWS)
    strips = [panels[at : at + _MAX_COLUMNS] for at in range(0, len(panels), _MAX_COLUMNS)]
    heights = [
        _TITLE_PX + _ROW_PX * max(len(panel.controls) for panel in strip) for strip in strips
    ]
    lines = -(-len(page.description) // _LINE_LETTERS)
    top = 26.0 + _LINE_PX * lines
    wiring = top + sum(heights) + 40.0
    patcher = _Patcher(
        max(20.0 + _COLUMN_PX * len(strips[0]), 700.0), min(top + sum(heights) + 20.0, 900.0)
    )
    patcher.box(
        "comment", 10, 6, 660, 6.0 + _LINE_PX * lines, 1, "", text=page.description, linecount=lines
    )
    count = 0
    for row, strip in enumerate(strips):
        for column, panel in enumerate(strip):
            x, y = 10.0 + _COLUMN_PX * column, top + sum(heights[:row])
            _panel(patcher, panel, x, y, wiring + _WIRING_PX * count)
            count += len(panel.controls)
    return patcher


def _panel(patcher: _Patcher, panel: Panel, x: float, y: float, wiring: float) -> None:
    patcher.comment(panel.title.upper(), x, y, _COLUMN_PX - 20, fontface=1)
    for at, control in enumerate(panel.controls):
        _row(patcher, control, x, y + _TITLE_PX + _ROW_PX * at, wiring + _WIRING_PX * at)


def _row(patcher: _Patcher, control: SurfaceControl, x: float, y: float, wiring: float) -> None:
    """A visible control, and its wiring further down, hidden while the patch is locked."""
    param = control.param
    address = control.param.address
    hidden = {"hidden": 1}
    patcher.comment(control.caption, x, y + 6, _LABEL_PX, hint=hint(param))
    widget = _control(patcher, param, x + _LABEL_PX + 5, y)
    out = patcher.object("s multiverse-out", 1060, wiring, 110, 1, "", **hidden)
    if control.is_momentary or control.is_bare:
        patcher.chain(widget, patcher.message(address, 800, wiring, 250, **hidden), out, **hidden)
        return
    named = patcher.object(f"prepend {address}", 800, wiring, 250, 1, "-", **hidden)
    patcher.chain(named, out, **hidden)
    if param.type is ParamType.TRIGGER:
        one = patcher.box("message", 740, wiring, 30, 22, 2, "-", text="1", **hidden)
        patcher.chain(widget, one, named, **hidden)
        return  # an incoming 0 or 1 would press the button again
    if param.type in (ParamType.TEXT, ParamType.FILE):
        text = patcher.object("route text", 700, wiring, 70, 2, "- -", **hidden)
        filled = patcher.object("route bang", 1180, wiring, 75, 2, "- -", **hidden)
        # An emptied text may arrive as a bang, which `prepend` would turn into the word "bang".
        emptied = patcher.message(f'{address} ""', 1265, wiring, 250, **hidden)
        patcher.chain(widget, text, filled, emptied, out, **hidden)
        patcher.cord(filled, 1, named, **hidden)
    else:
        patcher.chain(widget, named, **hidden)
    receiver = patcher.object(f"r {address}", 10, wiring, 340, 0, "-", **hidden)
    # By name: `set x` would show the first item that starts with x.
    selector = "setsymbol" if param.type is ParamType.MENU else "set"
    quiet = patcher.object(f"prepend {selector}", 360, wiring, 100, 1, "-", **hidden)
    patcher.chain(receiver, quiet, widget, **hidden)
    number = ""
    if param.type in _NUMBERS:
        number = patcher.box(
            "flonum", x + _LABEL_PX + 60, y + 8, 80, 22, 1, "- bang", hint=hint(param)
        )
        follow = patcher.object("prepend set", 700, wiring, 80, 1, "-", **hidden)
        patcher.chain(quiet, number, **hidden)
        patcher.chain(number, widget, **hidden)
        patcher.chain(widget, follow, number, **hidden)
    if param.default != "":
        preset = patcher.object(
            f"loadmess {selector} {_atom(default_text(param))}", 470, wiring, 220, 1, "-", **hidden
        )
        patcher.chain(preset, widget, **hidden)
        if number:
            patcher.chain(preset, number, **hidden)


def _control(patcher: _Patcher, param: Param, x: float, y: float) -> str:
    hints = {"hint": hint(param), "annotation": hint(param)}
    match param.type:
        case ParamType.TRIGGER:
            return patcher.box("button", x, y + 6, 24, 24, 1, "bang", **hints)
        case ParamType.BOOL:
            return patcher.box("toggle", x, y + 6, 24, 24, 1, "int", parameter_enable=0, **hints)
        case ParamType.MENU:
            items: list[str] = []
            for item in param.menu:
                items += [",", item] if items else [item]
            return patcher.box(
                "umenu", x, y + 6, 150, 22, 1, "int - -", items=items, parameter_enable=0, **hints
            )
        case ParamType.TEXT | ParamType.FILE:
            look = {
                "keymode": 1,
                "lines": 1,
                "outputmode": 1,
                "nosymquotes": 1,
                "parameter_enable": 0,
            }
            return patcher.box(
                "textedit", x, y + 6, 180, 22, 1, "- int - -", text="", **look, **hints
            )
        case ParamType.COLOUR:
            return patcher.box(
                "swatch", x, y + 4, 150, 30, 3, "- float", parameter_enable=0, **hints
            )
        case ParamType.INT:
            limits = {"minimum": int(param.low), "maximum": int(param.high)}
            return patcher.box(
                "number", x, y + 6, 80, 22, 1, "- bang", **limits, parameter_enable=0, **hints
            )
    value = {
        "parameter_longname": param.address,
        "parameter_shortname": param.address.rpartition("/")[2],
        "parameter_type": _TYPE_FLOAT,
        "parameter_mmin": param.low,
        "parameter_mmax": param.high,
        "parameter_initial": [param.default],
        "parameter_initial_enable": 1,
        "parameter_unitstyle": _UNIT_FLOAT,
    }
    if param.scale == "exponential":
        value["parameter_exponent"] = _exponent(param)
    return patcher.box(
        "live.dial",
        x,
        y,
        44,
        36,
        1,
        "- float",
        showname=0,
        parameter_enable=1,
        varname=param.address,
        saved_attribute_attributes={"valueof": value},
        **hints,
    )


def _exponent(param: Param) -> float:
    """Exponent of the dial, the only curve Max has: puts the geometric mean of the range in the
    middle."""
    middle = Scale(param.low, param.high).position_of(scale_of(param).value_at(0.5))
    return round(log(middle) / log(0.5), 6)


def _atom(text: str) -> str:
    return (
        f'"{text}"'
        if " " in text and not all(part.replace(".", "").isdigit() for part in text.split())
        else text
    )
