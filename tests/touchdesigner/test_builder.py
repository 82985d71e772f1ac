"""The builder run in the fake TouchDesigner, and the component without an engine."""

import ast
import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import osc_schema
from engine.control.query.tree import QueryTree
from engine.params import ParamStore
from osc_schema.generate import ROOT
from osc_schema.generate.touchdesigner import names_of, read_pages
from osc_schema.generate.touchdesigner_builder import one_file
from tests.touchdesigner.conftest import BUILDER, ComponentRig
from tests.touchdesigner.fake_td import TouchDesigner

Until = Callable[..., Any]


def test_the_builder_makes_every_page_from_the_declarations(rig: ComponentRig) -> None:
    assert [page.name for page in rig.comp.customPages][:6] == [
        "Connect", "Show", "Pictures", "Inputs", "Callbacks", "Status",
    ]  # fmt: skip
    for control in controls(rig):
        (*_, par) = [getattr(rig.comp.par, name) for name in names_of(control)]
        declared = osc_schema.lookup(control.address)
        assert par.label == control.label and control.address in par.help
        assert par.page.name == next(
            area.title for area in osc_schema.AREAS if declared in area.params
        )
        if control.style in ("Float", "Int"):
            assert (par.min, par.normMax) == (declared.low, declared.high)
            assert (par.clampMin, par.clampMax) == (declared.out_of_range == "clip",) * 2
        if control.style != "Pulse":
            assert par.eval() == par.default == declared.default


def controls(rig: ComponentRig) -> list[Any]:
    return [control for page in read_pages(rig.comp.op("pages").text) for control in page.controls]


def test_every_text_is_ascii_for_an_old_python_and_imports_the_standard_library_only(
    rig: ComponentRig,
) -> None:
    """`open()` without an encoding decodes by the locale: cp949, cp936 (gbk) and cp932 refuse or
    misread UTF-8.

    The builder runs with the Python of TouchDesigner 2022 (3.9), the embedded texts with that of
    2023 (3.11).
    """
    built = BUILDER.read_text(encoding="utf-8")
    texts = {dat.name: dat.text for dat in rig.comp.children if dat.isDAT and dat.text}
    assert len(texts) > 15 and built.isascii() and all(text.isascii() for text in texts.values())
    modules = [
        dat.name
        for dat in rig.comp.children
        if dat.OPType in ("textDAT", "executeDAT", "parameterexecuteDAT")
    ]
    parsed = {
        name: ast.parse(texts[name], feature_version=(3, 11))
        for name in modules
        if name not in ("pages", "readme")
    }
    parsed["the builder"] = ast.parse(built, feature_version=(3, 9))
    for name, tree in parsed.items():
        for node in ast.walk(tree):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {each.partition(".")[0] for each in imported} <= sys.stdlib_module_names | {
                "td"
            }, name
    hints = [
        node.annotation
        for node in ast.walk(parsed["the builder"])
        if isinstance(node, ast.arg | ast.AnnAssign)
    ]
    hints += [
        node.returns
        for node in ast.walk(parsed["the builder"])
        if isinstance(node, ast.FunctionDef)
    ]
    assert hints and not any(
        isinstance(node, ast.BinOp) for hint in hints if hint for node in ast.walk(hint)
    )
    with pytest.raises(ValueError, match=r"link, line 2: is not ASCII"):
        one_file("", {"link": "first\n\N{RIGHTWARDS ARROW}\n"})


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize(
    "text", [BUILDER, ROOT / "touchdesigner/README.md", ROOT / "docs/how-to/touchdesigner.md"]
)
def test_the_textport_line_builds_the_component(program: TouchDesigner, text: Path) -> None:
    (line,) = re.findall(r"exec\(open\(.*\)", text.read_text(encoding="utf-8"))[:1]
    assert 'encoding="utf-8"' in line and 'open(r"' in line
    program.type_into_textport(re.sub(r'(?<=open\(r")[^"]+', lambda _: str(BUILDER), line))
    assert program.project.op("multiverse").par.L1angle.eval() == 0.0
    steps = [line.split(":")[1].split()[0] for line in program.printed]
    assert steps == [*(f"{step}/6" for step in range(1, 7)), "built"]
    assert not any("FAILED" in line for line in program.printed)


@pytest.mark.parametrize("build, is_built", [("2022.35320", False), ("2023.10999", False),
    ("2023.11050", True),
                                             ("2025.30060", True)])  # fmt: skip
def test_a_touchdesigner_that_is_too_old_gets_one_error_line(
    monkeypatch: pytest.MonkeyPatch, build: str, is_built: bool
) -> None:
    """`app.build` is a text such as 2022.35320: docs.derivative.ca/App_Class."""
    program = TouchDesigner(build)
    monkeypatch.setitem(sys.modules, "td", program.module)
    program.run_text(BUILDER.read_text(encoding="utf-8"))
    assert (program.project.op("multiverse") is not None) is is_built
    line = (
        f"multiverse: not built: this is TouchDesigner {build}, but 2023.11000 or newer is "
        "needed (Python 3.11)"
    )
    if not is_built:
        assert [printed.partition(": install")[0] for printed in program.printed] == [line]
    program.close()


def test_building_again_updates_the_texts_and_keeps_the_values(rig: ComponentRig) -> None:
    comp = rig.comp
    children = list(comp.children)
    port = rig.value("Port")
    rig.set("Ndisource", "STUDIO 2")
    rig.set("L1angle", 12.0)
    comp.op("echo").text = "broken"
    comp.par.L1angle.destroy()
    rig.program.run_text(BUILDER.read_text(encoding="utf-8"))
    assert rig.program.project.op("multiverse") is comp and comp.children == children
    assert (rig.value("Port"), rig.value("Ndisource")) == (port, "STUDIO 2")
    assert rig.value("L1angle") == 0.0
    rig.renew_clock()
    rig.program.frame()
    assert rig.program.sent[-2:] == [
        ("/engine/notify", 1, rig.value("Listenport"), "values"),
        ("/engine/notify", 1, rig.value("Featport"), "features"),
    ]


def test_building_again_updates_a_renamed_component_and_makes_no_second_one(
    rig: ComponentRig,
) -> None:
    rig.comp.name = "vj"
    rig.comp.op("echo").text = "broken"
    rig.program.run_text(BUILDER.read_text(encoding="utf-8"))
    assert rig.program.project.op("multiverse") is None and rig.comp.op("echo").text != "broken"


def test_it_sends_nothing_but_its_subscription_which_it_retries_every_two_seconds(
    rig: ComponentRig,
) -> None:
    def subscriptions() -> int:
        return len([message for message in rig.program.sent if message[-1] == "values"])

    for _ in range(5):
        rig.program.frame()
    before = subscriptions()
    for _ in range(3):
        rig.skipped_s += 2.0
        rig.program.frame()
    assert subscriptions() == before + 3
    assert {message[0] for message in rig.program.sent} == {"/engine/notify"}
    assert not rig.value("Connected")


def test_an_extension_that_cannot_start_is_shown_on_the_component(program: TouchDesigner) -> None:
    """TouchDesigner writes only into the textport when an extension raises in `__init__`."""
    text = BUILDER.read_text(encoding="utf-8")
    program.run_text(text.replace("class EngineLink:", "class Engine_Link:"))
    comp = program.project.op("multiverse")
    reason = (
        "the component did not start: AttributeError: module 'link' has no attribute 'EngineLink'"
    )
    assert comp.errors().startswith(reason) and comp.par.Message.eval().startswith(reason)
    failed = [
        line for line in program.printed if line.startswith("multiverse:") and "FAILED" in line
    ]
    assert len(failed) == 1 and failed[0].startswith(f"multiverse: 4/5 extension: FAILED: {reason}")
    assert program.printed[-1] == "multiverse: built with 1 failures: /project1/multiverse"
    before = len(program.printed)
    program.frame()
    assert len(program.printed) == before, "no traceback in each frame"
    program.run_text(text)
    assert (
        comp.errors() == "" and program.printed[-1] == "multiverse: built: /project1/multiverse"
    ), program.printed[-6:]


def test_an_error_in_every_frame_is_printed_once_and_counted(
    rig: ComponentRig, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.comp.op("osc_out").destroy()
    for _ in range(20):
        rig.skipped_s += 2.0
        rig.program.frame()
    assert capsys.readouterr().out.count("Traceback") == 1
    start = (
        "on_frame: AttributeError: 'NoneType' object has no attribute 'sendOSC' (10 times; "
        "the first traceback is"
    )
    assert rig.value("Message").startswith(start) and rig.comp.errors().startswith(start)


def test_pictures_follow_the_senders_that_appear(rig: ComponentRig, until: Until) -> None:
    senders: list[str] = ["Camera"]
    for name in ("main_in", "second_in", "sd_in", "sam3_in", "sam3_mask_in"):
        rig.program.set_menu(rig.comp.op(name).par.sendername, lambda: senders)
    rig.program.set_menu(rig.comp.op("ndi_in").par.name, lambda: ["STUDIO (Multiverse)"])
    rig.skipped_s += 2.0
    rig.program.frame()
    assert rig.value("Mainfound") == ""
    found = {
        "main": "Mainfound",
        "second": "Secondfound",
        "sd": "Sdfound",
        "sam3": "Sam3found",
        "sam3_mask": "Maskfound",
    }
    expected = dict.fromkeys(found, "")
    for picture, name in (
        ("sam3_mask", "Multiverse SAM3 mask"),
        ("sd", "Multiverse SD"),
        ("second", "Multiverse 2"),
        ("main", "Multiverse_1_which_is_long"),
        ("sam3", "Multiverse SAM3_1_which_is_long"),
    ):
        senders.append(name)
        expected[picture] = name
        rig.skipped_s += 2.0
        rig.program.frame()
        assert {picture: rig.value(parameter) for picture, parameter in found.items()} == expected
        assert rig.comp.op(f"{picture}_in").par.sendername.eval() == name
    assert rig.comp.op("ndi_in").par.active.eval() is False and rig.value("Ndifound") == ""
    rig.set("Ndi", True)
    rig.set("Ndiips", "192.168.1.7")
    rig.skipped_s += 2.0
    rig.program.frame()
    ndi = rig.comp.op("ndi_in").par
    assert (ndi.active.eval(), ndi.extraips.eval(), ndi.name.eval()) == (
        True,
        "192.168.1.7",
        "STUDIO (Multiverse)",
    )


@pytest.fixture
def playing(rig: ComponentRig) -> ComponentRig:
    """The component in the state after an engine with 1920 x 1080 on this machine has answered."""
    rig.program.frame()  # it subscribes at the new ports
    for address, args in (
        ("/engine/heartbeat", [1]), ("/engine/status/size", [1920, 1080]), ("/done",
            ["/engine/status"]),
    ):  # fmt: skip
        rig.comp.ext.MultiverseExt.on_message(address, args)
    rig.program.set_menu(rig.comp.op("main_in").par.sendername, lambda: list(rig.program.senders))
    return rig


def look(rig: ComponentRig) -> str:
    """Poll the pictures, and return the message after that."""
    rig.skipped_s += 2.0
    rig.comp.ext.MultiverseExt.on_message("/engine/heartbeat", [1])
    rig.program.frame()
    return rig.value("Message")


def test_a_missing_sender_is_reported_and_found_again(playing: ComponentRig) -> None:
    """TouchDesigner shows a placeholder of 128 x 128 without a warning."""
    assert look(playing).startswith("connected to"), "it may be a moment late"
    assert look(playing) == (
        "no Syphon or Spout sender contains 'Multiverse': output 1 shows TouchDesigner's "
        "placeholder, 128 x 128; "
        "see Sinks on the Status page"
    )
    playing.set("Message", "")
    assert look(playing) == "", "it is reported once"
    playing.program.senders["Multiverse"] = (1920, 1080)
    assert look(playing) == "output 1 shows Multiverse"


def test_a_missing_engine_and_a_listen_port_in_use_are_reported_once(rig: ComponentRig) -> None:
    """OP.errors() and OP.warnings(): docs.derivative.ca/OP_Class."""

    def polled(times: int) -> str:
        for _ in range(times):
            rig.skipped_s += 2.0
            rig.program.frame()
        return rig.value("Message")

    assert polled(2) == (
        f"no engine answers at 127.0.0.1:{rig.value('Port')}: pulse Start Engine, or start it "
        "with `multiverse run`"
    )
    rig.set("Message", "")
    assert polled(1) == ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        rig.set("Listenport", port)
        assert (
            polled(3)
            == f"Listen port {port} cannot be opened (Unable to bind to port): choose a free one"
        )


class TreeServer(HTTPServer):
    """Answers a request with `tree`, and keeps the token that came with it."""

    timeout = 120.0
    tree = b""
    token: str | None = None


class TreeHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.token = self.headers["Authorization"]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.tree)

    def log_message(self, *_: object) -> None:
        pass


def test_pages_are_rebuilt_for_an_engine_with_other_parameters(
    rig: ComponentRig, until: Until
) -> None:
    tree = json.loads(QueryTree(ParamStore(), {}).answer("/", None, {}).body)
    layer = tree["CONTENTS"]["layer"]["CONTENTS"]["1"]["CONTENTS"]
    layer["curve"]["RANGE"] = [{"MIN": 0.0, "MAX": 2.0}]
    del layer["phase"]
    own = {
        **layer["curve"]["MULTIVERSE"],
        "type": "colour",
        "default": [0.0, 0.5, 1.0, 1.0],
        "area_title": "Scene",
    }
    tree["CONTENTS"]["scene"] = {
        "FULL_PATH": "/scene", "CONTENTS": {"tint": {"FULL_PATH": "/scene/tint", "TYPE": "ffff",
            "DESCRIPTION": "New.",
        "RANGE": [{"MIN": 0, "MAX": 1}] * 4, "MULTIVERSE": own}},
    }  # fmt: skip
    with TreeServer(("127.0.0.1", 0), TreeHandler) as server:
        server.tree = json.dumps(tree).encode()
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        rig.set("Webport", server.server_port)
        rig.set("Token", "secret")
        rig.pulse("Fit")
        until(lambda: rig.value("Message").startswith("pages updated"), "the new pages")
        thread.join()
    assert server.token == "Bearer secret"
    assert rig.value("Message").endswith(
        f"{len(osc_schema.PARAMS)} parameters, 2 of them new or changed"
    )
    assert rig.comp.par.L1curve.max == 2.0
    assert rig.comp.par["L1phase"] is None
    assert [rig.value(f"Scenetint{part}") for part in "rgba"] == [0.0, 0.5, 1.0, 1.0]
    rig.set("Scenetintg", 0.25)
    rig.program.frame()
    assert rig.sent_to("/scene") == [("/scene/tint", 0.0, 0.25, 1.0, 1.0)]
    rig.skipped_s += 1.0
    rig.comp.ext.MultiverseExt.on_message("/scene/tint", [1.0, 0.0, 0.0, 1.0])
    rig.program.frame()
    assert rig.value("Scenetintr") == 1.0
    assert len(rig.sent_to("/scene")) == 1
