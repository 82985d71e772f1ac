"""Every parameter is on every surface once, with its range and default. Files are read back as the
programs do."""

import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from osc_schema import Area, Param, ParamType
from osc_schema.generate import max_patch, osc_layout, pd_patch, touchosc
from osc_schema.generate.pages import pages

BARE = {"/preset/take", "/preset/cut"}
WALKED = {
    "/undo",
    "/redo",
    "/cue/go",
    "/cue/back",
    "/preset/next",
    "/preset/previous",
    "/still/take",
} | BARE
PLAYED = WALKED | {"/preset/load", "/camera/open", *(f"/pad/{n}" for n in range(1, 17))}
NUMBERS = (ParamType.FLOAT, ParamType.STOPS)
ADDRESSES = Counter([*(param.address for param in osc_schema.PARAMS), *PLAYED])


def params_of(*types: ParamType) -> Iterator[Param]:
    return (param for param in osc_schema.PARAMS if param.type in types)


@pytest.fixture(scope="module")
def session() -> dict[str, Any]:
    return json.loads(osc_layout(osc_schema.AREAS))


# -- what the surfaces share ---------------------------------------------------------------------


def test_a_colour_is_on_every_surface() -> None:
    sky = Param(
        address="/sky/colour",
        type=ParamType.COLOUR,
        default=(0.0, 0.5, 1.0, 1.0),
        low=0,
        high=1,
        description="Sky.",
    )
    area = Area(title="Sky", description="Made up.", params=(sky,))
    assert '"maxclass": "swatch"' in max_patch([area]) and "loadmess set 0 0.5 1 1" in max_patch(
        [area]
    )
    assert "listbox" in pd_patch([area])
    (widget,) = (
        widget for widget in widgets(json.loads(osc_layout([area]))) if widget["type"] == "rgb"
    )
    assert widget["default"] == [0.0, 0.5, 1.0, 1.0]
    assert b"/sky/colour" in zlib.decompress(touchosc([area]))


# -- Pd ------------------------------------------------------------------------------------------


def test_pd_has_every_parameter_once_with_its_range_and_default() -> None:
    patch = pd_patch(osc_schema.AREAS)
    lines = patch.split(";\n")
    counts = Counter(
        f"/{line.split('oscformat ')[1].replace(' ', '/')}"
        for line in lines
        if " oscformat " in line
    )
    assert counts == ADDRESSES + Counter(["/engine/notify"])
    widget = {}
    for line in lines:
        if match := re.search(
            r" (?:hsl|nbx|hradio|tgl|bng|symbolatom) .* (/\S+)/out (/\S+) |- (/\S+) /\S+/out 12$",
            line,
        ):
            widget[match[2] or match[3]] = line
    assert widget.keys() == ADDRESSES.keys()
    for param in params_of(*NUMBERS):
        kind, _, _, low, high, log = re.split(r" (?=hsl)", widget[param.address])[1].split()[:6]
        assert (kind, float(low), float(high)) == ("hsl", param.low, param.high)
        assert (log == "1") == (param.scale == "exponential")
        assert f"set {param.default:.10g}" in patch
    for param in params_of(ParamType.MENU):
        assert (
            f"nbx 3 18 0 {param.high}" in widget[param.address]
            or f" {len(param.menu)} " in widget[param.address]
        )
        assert f"select {' '.join(f'is-{item}' for item in param.menu)}" in patch


# -- Open Stage Control --------------------------------------------------------------------------

# The properties of its version 1.29.2. The program is in neither npm nor Debian, and needs forks
# of three packages that exist as Git addresses only, so no test can install it.
OSC_WIDGETS = json.loads((Path(__file__).parent / "published/open_stage_control.json").read_text())[
    "widgets"
]
OSC_TYPES: dict[str, tuple[type, ...]] = {
    "*": (object,),
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "script": (str,),
    "string": (str,),
}


def widgets(session: dict[str, Any]) -> Iterator[dict[str, Any]]:
    def below(widget: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield widget
        for child in (*widget.get("widgets", ()), *widget.get("tabs", ())):
            yield from below(child)

    return below(session["content"])


def test_open_stage_control_has_every_parameter_once_for_the_engine(
    session: dict[str, Any],
) -> None:
    assert {key: session[key] for key in ("createdWith", "type")} == {
        "createdWith": "Open Stage Control",
        "type": "session",
    }
    everything = list(widgets(session))
    assert len({widget["id"] for widget in everything}) == len(everything)
    assert not any(re.search(r"[./@{}]", widget["id"]) for widget in everything)
    addressed = [widget for widget in everything if "address" in widget]
    assert Counter(widget["address"] for widget in addressed) == ADDRESSES + Counter(
        ["/engine/notify"]
    )
    assert all(widget["target"] == ["127.0.0.1:9000"] for widget in addressed)
    tabs = session["content"]["tabs"]
    assert [tab["label"] for tab in tabs] == [page.title for page in pages(osc_schema.AREAS)]
    # Widgets directly in a tab are stretched to its height, so a tab has only panels; the first has
    # the connect button.
    assert {widget["type"] for tab in tabs for widget in tab["widgets"]} == {"panel"}
    connect = tabs[0]["widgets"][0]["widgets"][-1]
    above = max(
        widget["top"] + widget["height"] for widget in tabs[0]["widgets"][0]["widgets"][:-1]
    )
    assert connect["label"] == "Connect" and connect["top"] >= above


def test_open_stage_control_knows_every_property_with_a_value_of_its_type(
    session: dict[str, Any],
) -> None:
    for widget in widgets(session):
        known = OSC_WIDGETS[widget["type"]]
        for name, value in widget.items():
            setting = f"{widget['id']}: {name} {value!r}"
            assert name in known, setting
            kinds = tuple(kind for each in known[name]["types"] for kind in OSC_TYPES.get(each, ()))
            assert isinstance(value, kinds) and (
                object in kinds or isinstance(value, bool) <= (bool in kinds)
            ), setting
            choices = known[name].get("choices")
            assert choices is None or str(value).lower() in choices, setting
            # `@{...}`, `JS{...}`, `#{...}`, `VAR{...}`, `OSC{...}` in a text would be carried out.
            if isinstance(value, str) and name not in ("value", "onCreate"):
                assert not re.search(r"(?:[@#]|JS|VAR|OSC|IMPORT)\{", value), setting


def test_open_stage_controls_widgets_have_the_values_of_their_parameters(
    session: dict[str, Any],
) -> None:
    by_address = {widget["address"]: widget for widget in widgets(session) if "address" in widget}
    pads = [by_address[f"/pad/{number}"] for number in range(1, 17)]
    assert {(pad["type"], pad["mode"], pad["on"], pad["off"]) for pad in pads} == {
        ("button", "push", 1, 0)
    }, "held"
    for address in BARE:
        widget = by_address[address]
        assert (
            widget["bypass"]
            and widget["onValue"] == f'if (value) send("127.0.0.1:9000", "{address}")'
        )
    for param in osc_schema.PARAMS:
        widget = by_address[param.address]
        assert param.description in widget["comments"]
        match param.type:
            case ParamType.TRIGGER:
                assert (widget["type"], widget["mode"], widget["on"]) == ("button", "tap", 1)
            case ParamType.BOOL:
                assert (widget["type"], widget["default"]) == ("button", int(param.default is True))
            case ParamType.MENU:
                assert widget["type"] in ("switch", "dropdown") and widget["values"] == list(
                    param.menu
                )
                assert widget["default"] == param.default and widget["typeTags"] == "s"
            case ParamType.TEXT | ParamType.FILE:
                assert (widget["type"], widget["default"], widget["maxLength"]) == (
                    "input",
                    param.default,
                    param.high,
                )
            case _:
                assert widget["default"] == param.default
                if widget["type"] == "input":
                    assert widget["numeric"] == param.step and param.type is ParamType.INT
                    continue
                assert widget["type"] == "fader" and widget["doubleTap"] is True
                if param.stops:
                    assert [next(iter(position)) for position in widget["range"].values()] == list(
                        param.stops
                    )
                    continue
                low, high = widget["range"]["min"], widget["range"]["max"]
                assert (low, high) == (param.low, param.high)
                assert 10 ** -widget["decimals"] <= (
                    1 if param.type is ParamType.INT else (high - low) / 1000
                )
                if param.scale == "exponential":
                    base = widget["logScale"]  # the program's map of a fader's place to its value
                    middle = low + (high - low) * (base**0.5 - 1) / (base - 1)
                    assert middle == pytest.approx(math.sqrt(low * high))
