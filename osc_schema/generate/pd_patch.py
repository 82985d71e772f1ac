"""A patch for Pd (vanilla, 0.52 or newer): one window of controls per area, two-way with the
engine.

Each control receives under its parameter's address: `; /layer/1/angle 45` in any patch sets the
control and the engine, `; /layer/1/angle set 45` the control only. A control sends its value to
`ADDRESS/out`, and from there it goes to the engine; values from the engine arrive at `ADDRESS/in`
and are shown with `set`, so there is no feedback loop.

SAM3 results are read-only: `r /sam3/objects` receives the number of objects, `r /sam3/object/1/cx`
the centre of the best.

Pd parses a number in an address (the 1 in /layer/1/angle) into a symbol, which `route 1` does not
match and which cannot be written in a patch file. So the address is read from the packet itself:
`list tosymbol` stops at the first zero byte, and the engine sends plain messages only, no bundles.

Pd has no menus: a menu is a row of buttons, or, if it is long, a number box beside the item's name.
"""

from collections.abc import Iterable
from itertools import pairwise

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
from osc_schema.types import Area, Param, ParamType

FOUND_OBJECTS = found_objects()
HOST = "127.0.0.1"
PORT = 9000
LISTEN_PORT = 9002
SILENCE_MS = 3000  # three heartbeats

_MAX_ROWS = 14
_MAX_COLUMNS = 4
_MAX_BUTTONS = 8
_ROW_PX = 24
_COLUMN_PX = 430
_LABEL_PX = 160
_TITLE_PX = 24
_BUTTON_PX = 18
_LETTER_PX = 8
_WIRING_PX = 86
_COLOURS = "#fcfcfc #000000 #000000"
_NUMBERS = (ParamType.FLOAT, ParamType.STOPS)


def pd_patch(
    areas: Iterable[Area], *, host: str = HOST, port: int = PORT, listen_port: int = LISTEN_PORT
) -> str:
    """The patch as text, for an engine at host:port that answers to listen_port on this machine."""
    main = _Canvas("", 760, 580)
    _connection(main, host, port, listen_port)
    _objects(main)
    for at, page in enumerate(pages(areas)):
        main.window(520, 30 + 26 * at, _page_window(page))
    return "".join(f"{line};\n" for line in main.lines())


class _Canvas:
    """A Pd canvas: objects, numbered in order of creation, and the connections between them."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self._head = f"#N canvas 40 60 {width} {height} {name + ' 0' if name else '12'}"
        self._objects: list[str] = []
        self._cords: list[str] = []
        self._count = 0
        self.name = name

    def add(self, kind: str, x: int, y: int, text: str) -> int:
        """Add an object and return its number. `kind`: obj, msg or text; `text` is `_escaped`."""
        self._objects.append(f"#X {kind} {x} {y} {text}")
        self._count += 1
        return self._count - 1

    def window(self, x: int, y: int, canvas: "_Canvas") -> int:
        self._objects += canvas.lines()
        return self.add("restore", x, y, f"pd {canvas.name}")

    def cord(self, source: int, outlet: int, target: int, inlet: int = 0) -> None:
        self._cords.append(f"#X connect {source} {outlet} {target} {inlet}")

    def chain(self, *objects: int) -> None:
        """Connect the first outlet of each object to the first inlet of the next."""
        for source, target in pairwise(objects):
            self.cord(source, 0, target)

    def lines(self) -> list[str]:
        return [self._head, *self._objects, *self._cords]


def _connection(main: _Canvas, host: str, port: int, listen_port: int) -> None:
    main.add("text", 20, 10, "Multiverse")
    main.add(
        "text",
        20,
        30,
        _escape(f"Engine at {host}:{port}, answers at UDP port {listen_port}. Open a window:"),
    )
    main.add("text", 46, 62, "connect and get all values")
    main.add("text", 46, 92, "connected")
    begin = main.add("obj", 20, 120, "loadbang")
    button = main.add("obj", 20, 60, f"bng 20 250 50 0 empty empty empty 0 -10 0 12 {_COLOURS}")
    alive = main.add("obj", 20, 90, f"tgl 20 0 empty empty empty 0 -10 0 12 {_COLOURS} 0 1")
    steps = main.add("obj", 20, 150, "t b b b b b")
    # A UDP socket that was refused once does not send any more: reconnect each time.
    hang_up = main.add("msg", 240, 180, "disconnect")
    connect = main.add("msg", 160, 210, f"connect {host} {port}")
    subscribe = main.add("msg", 60, 180, f"1 {listen_port}")
    notify = main.add("obj", 60, 210, "oscformat engine notify")
    watch = main.add("obj", 20, 240, f"delay {SILENCE_MS}")
    silent = main.add("msg", 20, 270, "0")
    out = main.add("obj", 200, 240, "r multiverse-out")
    command = main.add("obj", 160, 270, "list prepend send")
    trim = main.add("obj", 160, 300, "list trim")
    send = main.add("obj", 160, 330, "netsend -u -b")
    for object_ in (begin, button):
        main.cord(object_, 0, steps)
    for outlet, target in ((4, hang_up), (3, connect), (2, subscribe), (0, watch)):
        main.cord(steps, outlet, target)
    main.chain(hang_up, send)
    main.chain(connect, send)
    main.chain(subscribe, notify, command, trim, send)
    main.chain(out, command)
    main.chain(watch, steps)
    main.chain(watch, silent, alive)

    receive = main.add("obj", 320, 120, f"netreceive -u -b {listen_port}")
    both = main.add("obj", 320, 150, "t a a")
    values = main.add("obj", 320, 210, "oscparse")
    spread = main.add("obj", 320, 240, "list trim")
    address = main.add("obj", 400, 180, "list tosymbol")
    target = main.add("obj", 400, 210, "makefilename %s/in")
    spot = main.add("obj", 320, 270, "s")
    main.chain(receive, both, values, spread, spot)
    main.cord(both, 1, address)
    main.chain(address, target)
    main.cord(target, 0, spot, 1)
    beat = main.add("obj", 320, 310, "r /engine/heartbeat/in")
    here = main.add("obj", 320, 335, "t b b")
    answers = main.add("msg", 400, 360, "1")
    main.chain(beat, here, watch)
    main.cord(here, 1, answers)
    main.chain(answers, alive)


def _objects(main: _Canvas) -> None:
    """Number boxes for the number of SAM3 objects and the best one; each also sends its value to
    its own name."""
    main.add(
        "text",
        20,
        410,
        _escape("Objects: number found by SAM3, and the best one. 0 to 1 from the top left."),
    )
    count = main.add("obj", 20, 460, "list split 2")
    best = main.add("obj", 180, 460, "list split 3")
    parts = main.add("obj", 180, 485, "unpack f f f f f f f")
    main.chain(main.add("obj", 20, 435, f"r {FOUND_OBJECTS.count.address}/in"), count)
    main.chain(main.add("obj", 180, 435, f"r {FOUND_OBJECTS.best}/in"), best)
    main.cord(best, 1, parts)
    for at, name in enumerate(
        ("objects", *(argument.name for argument in FOUND_OBJECTS.each.arguments))
    ):
        address = f"{FOUND_OBJECTS.best}/{name}" if at else FOUND_OBJECTS.count.address
        look = f"-1e+37 1e+37 0 0 {address} empty empty 0 -8 0 10 {_COLOURS} 0 256"
        box = main.add("obj", 20 + 62 * at, 515, f"nbx 6 18 {look}")
        main.add("text", 20 + 62 * at, 536, name)
        if at:
            main.cord(parts, at - 1, box)
        else:
            main.cord(count, 1, box)


def _page_window(page: Page) -> _Canvas:
    """Controls at the top, without cords; their wiring below, one row per control."""
    panels = columns(page, _MAX_ROWS)
    strips = [panels[at : at + _MAX_COLUMNS] for at in range(0, len(panels), _MAX_COLUMNS)]
    heights = [
        _TITLE_PX + _ROW_PX * max(len(panel.controls) for panel in strip) for strip in strips
    ]
    pitch = max(
        _COLUMN_PX, *(_width(control.param) for panel in panels for control in panel.controls)
    )
    width, height = 20 + pitch * len(strips[0]), 20 + sum(heights)
    canvas = _Canvas(page.title.replace(" ", "-"), min(width, 1720), min(height, 900))
    for row, strip in enumerate(strips):
        for column, panel in enumerate(strip):
            _draw_panel(canvas, panel, 10 + pitch * column, 10 + sum(heights[:row]))
    top = height + 60
    begin = canvas.add("obj", 10, top, "loadbang")
    for at, control in enumerate(control for panel in panels for control in panel.controls):
        _wire(canvas, control, top + 30 + _WIRING_PX * at, begin)
    return canvas


def _draw_panel(canvas: _Canvas, panel: Panel, x: int, y: int) -> None:
    canvas.add("text", x, y, _escape(panel.title.upper()))
    for at, control in enumerate(panel.controls):
        _draw(canvas, control, x, y + _TITLE_PX + _ROW_PX * at)


def _draw(canvas: _Canvas, control: SurfaceControl, x: int, y: int) -> None:
    param = control.param
    canvas.add("text", x, y, _escape(control.caption))
    x += _LABEL_PX
    names = f"{param.address}/out {param.address}"
    look = f"empty 0 -8 0 10 {_COLOURS}"
    if param.type in _NUMBERS:
        log = int(param.scale == "exponential")
        canvas.add("obj", x, y, f"hsl 160 18 {_span(param)} {log} 0 {names} {look} 0 1")
        # the slider passes on values outside its range, and the engine clips or wraps them
        limits = "-1e+37 1e+37 0 0"
        canvas.add(
            "obj",
            x + 170,
            y,
            f"nbx 8 18 {limits} {param.address} {param.address}/shown {look} 0 256",
        )
    elif param.type is ParamType.INT:
        canvas.add("obj", x, y, f"nbx 10 18 {_span(param)} 0 0 {names} {look} 0 256")
    elif _is_long(param):
        canvas.add("obj", x, y, f"nbx 3 18 {_span(param)} 0 0 {names} {look} 0 256")
        canvas.add("symbolatom", x + 50, y, f"20 0 0 0 - {param.address}/shown - 12")
    elif param.type is ParamType.MENU:
        canvas.add("obj", x, y, f"hradio {_BUTTON_PX} 1 0 {len(param.menu)} {names} {look} 0")
        canvas.add("text", x + _BUTTON_PX * len(param.menu) + 6, y, _escape(" ".join(param.menu)))
    elif param.type is ParamType.BOOL:
        canvas.add("obj", x, y, f"tgl 18 0 {names} {look} 0 1")
    elif param.type is ParamType.TRIGGER:
        canvas.add("obj", x, y, f"bng 18 250 50 0 {names} {look}")
    elif param.type is ParamType.COLOUR:
        canvas.add("listbox", x, y, f"28 0 0 0 - {param.address} {param.address}/out 12")
    else:
        canvas.add("symbolatom", x, y, f"28 0 0 0 - {param.address} {param.address}/out 12")


def _wire(canvas: _Canvas, control: SurfaceControl, y: int, begin: int) -> None:
    """Wiring from the control to the engine and back."""
    param = control.param
    address = control.param.address
    canvas.add("text", 1120, y, _escape(hint(param)))
    show = canvas.add("obj", 940, y, f"s {address}")
    displays = [show]
    output = canvas.add("obj", 10, y, f"r {address}/out")
    message = canvas.add("obj", 200, y, f"oscformat {address.strip('/').replace('/', ' ')}")
    canvas.chain(message, canvas.add("obj", 440, y, "s multiverse-out"))
    is_alone = control.is_momentary or control.is_bare
    if param.type is ParamType.TRIGGER and not is_alone:
        canvas.chain(output, canvas.add("msg", 160, y, "1"), message)
        return  # an incoming 0 or 1 would press the button again
    canvas.chain(output, message)
    if is_alone:
        return
    if param.type in _NUMBERS:
        displays.append(canvas.add("obj", 940, y + 26, f"s {address}/shown"))
        prefix, trim = _set(canvas, 10, y + 26)
        canvas.chain(output, prefix)
        canvas.chain(trim, displays[1])
    receiver = canvas.add("obj", 560, y, f"r {address}/in")
    value = canvas.add("obj", 740, y, f"list split {address.count('/')}")
    canvas.chain(receiver, value)
    if param.type is ParamType.MENU:
        # With a prefix, so that an item that looks like a number stays a symbol.
        symbol = canvas.add("obj", 560, y + 26, "makefilename is-%s")
        select = canvas.add(
            "obj",
            700,
            y + 26,
            " ".join(["select", *(f"is-{_escape(item)}" for item in param.menu)]),
        )
        canvas.cord(value, 1, symbol)
        canvas.chain(symbol, select)
        for index in range(len(param.menu)):
            item = canvas.add("msg", 10 + 38 * index, y + 26, f"set {index}")
            canvas.cord(select, index, item)
            canvas.chain(item, show)
        if _is_long(param):
            _name(canvas, param, y + 52, output, value)
    else:
        prefix, trim = _set(canvas, 560, y + 26)
        canvas.cord(value, 1, prefix)
        for target in displays:
            canvas.chain(trim, target)
    if param.default != "":
        preset = canvas.add("msg", 840, y + 26, f"set {_default(param)}")
        canvas.chain(begin, preset)
        for target in displays:
            canvas.chain(preset, target)


def _name(canvas: _Canvas, param: Param, y: int, output: int, value: int) -> None:
    """Show the item's name beside its number, for choices made here and in the engine."""
    display = canvas.add("obj", 940, y, f"s {param.address}/shown")
    canvas.cord(value, 1, display)
    numbers = " ".join(map(str, range(len(param.menu))))
    select = canvas.add("obj", 10, y, f"select {numbers}")
    canvas.chain(output, select)
    for index, item in enumerate(param.menu):
        name = canvas.add("msg", 400 + 38 * index, y, f"symbol {_escape(item)}")
        canvas.cord(select, index, name)
        canvas.chain(name, display)


def _is_long(param: Param) -> bool:
    return len(param.menu) > _MAX_BUTTONS


def _width(param: Param) -> int:
    """Width in pixels of the label, the control and the names beside it."""
    if not param.menu or _is_long(param):
        return 0
    return _LABEL_PX + _BUTTON_PX * len(param.menu) + _LETTER_PX * len(" ".join(param.menu)) + 20


def _set(canvas: _Canvas, x: int, y: int) -> tuple[int, int]:
    """Two connected objects that turn a value into `set VALUE`."""
    prefix = canvas.add("obj", x, y, "list prepend set")
    trim = canvas.add("obj", x + 130, y, "list trim")
    canvas.chain(prefix, trim)
    return prefix, trim


def _default(param: Param) -> str:
    if param.type is ParamType.MENU:
        return str(param.menu.index(str(param.default)))
    return (
        str(int(param.default)) if isinstance(param.default, bool) else _escape(default_text(param))
    )


def _span(param: Param) -> str:
    return f"{param.low:.10g} {param.high:.10g}"


def _escape(text: str) -> str:
    """Text escaped for a patch file, where `,` and `;` end a message and `$` is an argument."""
    return text.translate(
        {ord(mark): f" \\{mark}" if mark in ",;" else f"\\{mark}" for mark in ",;$\\{}"}
    )
