"""Syphon and Spout as sources, with fakes that accept only the libraries' published interfaces:
neither runs here."""

import ctypes
import sys
import types
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources.opening import open_source
from engine.sources.senders import TEXTURES, SenderLists, list_textures
from engine.sources.source import HOLD_S, Polled
from engine.sources.spout import open_list
from engine.system.clock import SteppedClock
from tests.support.stubs import LibraryStub, load_api, python_signature

BGRA = load_api("syphon")["pyobjc"]["Metal.MTLPixelFormatBGRA8Unorm"]


@pytest.fixture
def opened(clock: SteppedClock, reports) -> Callable[[str], Any]:
    def start(spec: str) -> Any:
        source = open_source(spec, offline=False, clock=clock, report=reports)
        assert isinstance(source, Polled)
        source.start()
        return source

    return start


class Mac:
    """Fake data for Syphon's servers, one of them with a texture."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.library = LibraryStub()
        self.servers = [("Arena", "Preview"), ("Arena", "Composition"), ("TouchDesigner", "out1")]
        self.texture: np.ndarray | None = None
        """(height, width, 4) BGRA as in Metal: row 0 is the bottom."""
        self.is_valid = self.has_news = True
        api = load_api("syphon")
        directory = api["modules"]["syphon.server_directory"]["classes"]["SyphonServerDirectory"]
        clients = api["modules"]["syphon.client"]["classes"]
        assert {"servers"} <= set(directory["properties"]) and "run_loop_interval" in directory[
            "attributes"
        ]
        described = api["modules"]["syphon.server_directory"]["classes"]["SyphonServerDescription"][
            "attributes"
        ]
        assert {"name", "app_name"} <= set(described)
        properties = {
            "is_valid": property(lambda _: self.is_valid),
            "has_new_frame": property(lambda _: self.has_news),
            "new_frame_image": property(lambda _: self._take()),
        }
        assert set(properties) <= set(clients["BaseSyphonClient"]["properties"])

        syphon, numpy_part = types.ModuleType("syphon"), types.ModuleType("syphon.utils.numpy")
        for name, methods, members in (
            (
                "SyphonServerDirectory",
                directory["methods"],
                {"servers": property(lambda _: self._described())},
            ),
            (
                "SyphonMetalClient",
                {
                    **clients["BaseSyphonClient"]["methods"],
                    **clients["SyphonMetalClient"]["methods"],
                },
                properties,
            ),
        ):
            assert name in api["exported"]
            signatures = {
                method: python_signature(parameters) for method, parameters in methods.items()
            }
            setattr(syphon, name, self.library.klass(name, signatures, members))
        copying = api["modules"]["syphon.utils.numpy"]["functions"]["copy_mtl_texture_to_image"]
        copy = self.library.callable("copy_mtl_texture_to_image", python_signature(copying))
        numpy_part.copy_mtl_texture_to_image = copy  # type: ignore[attr-defined]
        self.library.answers["copy_mtl_texture_to_image"] = lambda texture: texture.pixels

        core, metal, objc = (types.ModuleType(name) for name in ("CoreFoundation", "Metal", "objc"))
        core.kCFRunLoopDefaultMode = "default"  # type: ignore[attr-defined]
        core.CFRunLoopRunInMode = lambda *arguments: self.library.calls.append(  # type: ignore[attr-defined]
            ("CFRunLoopRunInMode", {"arguments": arguments})
        )
        metal.MTLPixelFormatBGRA8Unorm = BGRA  # type: ignore[attr-defined]
        pool = api["pyobjc"]["objc.autorelease_pool"]["methods"]
        objc.autorelease_pool = self.library.klass(  # type: ignore[attr-defined]
            "objc.autorelease_pool",
            {name: python_signature(parameters) for name, parameters in pool.items()},
            {},
        )
        syphon.utils = types.ModuleType("syphon.utils")  # type: ignore[attr-defined]
        modules = {"syphon": syphon, "syphon.utils": syphon.utils, "syphon.utils.numpy": numpy_part}
        for name, module in {
            **modules,
            "CoreFoundation": core,
            "Metal": metal,
            "objc": objc,
        }.items():
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr("engine.sources.syphon.PLATFORM", "darwin")
        monkeypatch.setattr("engine.sources.senders.PLATFORM", "darwin")

    def _described(self) -> list[Any]:
        return [types.SimpleNamespace(app_name=app, name=name) for app, name in self.servers]

    def _take(self) -> Any:
        self.has_news = False
        return types.SimpleNamespace(pixels=self.texture, pixelFormat=lambda: BGRA)


class Windows:
    """Fake data for Spout's senders, one of them with a picture."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.library = LibraryStub()
        self.senders = ["Arena - Preview", "Arena - Composition", "TDSyphonSpoutOut"]
        self.picture = np.zeros((2, 2, 4), np.uint8)
        self.is_connected = self.is_new = True
        self.has_context = True
        self.received_size: tuple[int, ...] = ()
        self._is_updated = False
        api = load_api("spout")
        assert "({%}, {Optional[Buffer]}, {int}, {bool}, {int}) -> bool" in api["signature_texts"]
        module, enums = types.ModuleType("SpoutGL"), types.ModuleType("SpoutGL.enums")
        enums.GL_RGBA = 0x1908  # type: ignore[attr-defined]
        module.enums = enums  # type: ignore[attr-defined]
        published = api["classes"]["SpoutReceiver"]
        members = {
            name: self._checked(name, signatures[0]["parameters"])
            for name, signatures in published.items()
        }
        module.SpoutReceiver = type("SpoutReceiver", (), members)  # type: ignore[attr-defined]
        self.library.answers |= {
            "getSenderList": lambda: list(self.senders),
            "receiveImage": self._receive,
            "isUpdated": self._take_update,
            "isConnected": lambda: self.is_connected,
            "isFrameNew": lambda: self.is_new,
            "getSenderWidth": lambda: self.picture.shape[1],
            "getSenderHeight": lambda: self.picture.shape[0],
        }
        monkeypatch.setitem(sys.modules, "SpoutGL", module)
        monkeypatch.setitem(sys.modules, "SpoutGL.enums", enums)
        monkeypatch.setattr("engine.sources.spout.PLATFORM", "win32")
        monkeypatch.setattr("engine.sources.spout.without_standard_output", nullcontext)
        monkeypatch.setattr("engine.sources.senders.PLATFORM", "win32")
        context: Any = lambda: 0xC0FFEE if self.has_context else None  # noqa: E731  takes a `restype`, as ctypes' do
        opengl = types.SimpleNamespace(wglGetCurrentContext=context)
        fake = types.SimpleNamespace(CDLL=lambda name: opengl, c_void_p=ctypes.c_void_p)
        monkeypatch.setattr("engine.sources.spout.ctypes", fake)

    def _checked(self, name: str, kinds: list[str]) -> Callable[..., Any]:
        accepts = {
            "int": (int,),
            "bool": (bool,),
            "str": (str, bytes),
            "Buffer": (np.ndarray, type(None)),
        }

        def call(_: object, *arguments: Any) -> Any:
            assert len(arguments) == len(kinds), f"{name} takes {kinds}"
            for value, kind in zip(arguments, kinds, strict=True):
                assert type(value) in accepts[kind], f"{name} takes {kinds}, not {arguments}"
            self.library.calls.append((name, {"arguments": arguments}))
            return self.library.answers[name](*arguments) if name in self.library.answers else None

        return call

    def _receive(
        self, buffer: np.ndarray | None, gl_format: int, is_inverted: bool, host_fbo: int
    ) -> bool:
        """Behave like Spout: a sender that is new or has another size is announced first, without a
        picture."""
        assert (gl_format, is_inverted) == (0x1908, False)
        if self.received_size != self.picture.shape:
            self.received_size, self._is_updated = self.picture.shape, True
            return True
        if buffer is not None and self.is_new:
            buffer[:] = self.picture
        return self.is_connected

    def _take_update(self) -> bool:
        is_updated, self._is_updated = self._is_updated, False
        return is_updated


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Mac:
    return Mac(monkeypatch)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    return Windows(monkeypatch)


# -- behaviour, on the fakes --------------------------------------------------------------------


def test_a_syphon_server_is_found_by_a_part_and_its_picture_is_upright(
    mac: Mac, opened, f_card
) -> None:
    card = f_card(48, 32)
    mac.texture = card[::-1, :, [2, 1, 0, 3]].copy()
    source = opened("syphon:arena comp")
    source.poll()
    assert mac.library.named("SyphonMetalClient.__init__")[0]["description"].name == "Composition"
    pixels = source.latest_frame()
    assert np.array_equal(pixels.pixels, card[..., :3])
    assert mac.library.named("CFRunLoopRunInMode") == [{"arguments": ("default", 0, True)}]
    source.poll()
    assert source.latest_frame() is pixels, "nothing new"
    assert source.status().state == "playing"
    source.close()
    source.close()
    assert len(mac.library.named("SyphonMetalClient.stop")) == 1


def test_a_restarted_syphon_server_is_found_again(mac: Mac, opened, clock, reports) -> None:
    mac.texture = np.full((4, 4, 4), 100, np.uint8)
    source = opened("syphon:composition")
    source.poll()
    mac.is_valid, mac.servers = False, []
    source.poll()
    assert source.status().state == "lost" and "the server is gone" in reports.lines[0][1]
    clock.advance(HOLD_S)
    source.poll()
    assert source.latest_frame() is None
    assert (
        reports.lines[-1][1] == "syphon composition: not found (available: none); still searching"
    )
    mac.is_valid, mac.has_news, mac.servers = True, True, [("Arena", "Composition 2")]
    clock.advance(1.0)
    source.poll()
    assert source.latest_frame() is not None
    assert len(mac.library.named("SyphonMetalClient.__init__")) == 2


def test_a_spout_sender_is_found_by_a_part_and_follows_its_size(
    windows: Windows, opened, f_card
) -> None:
    windows.picture = f_card(48, 32)
    source = opened("spout:composition")
    source.poll()
    assert source.latest_frame() is None, "the first call only reports the size"
    source.poll()
    assert np.array_equal(source.latest_frame().pixels, windows.picture[..., :3])
    assert windows.library.named("setReceiverName") == [{"arguments": ("Arena - Composition",)}]
    windows.picture = f_card(64, 20)
    source.poll()
    source.poll()
    pixels = source.latest_frame()
    assert np.array_equal(pixels.pixels, windows.picture[..., :3])
    windows.is_new = False
    source.poll()
    assert source.latest_frame() is pixels


def test_one_sender_whose_name_is_not_utf8_takes_no_other_away(
    windows: Windows, opened, clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SpoutGL answers then; tests/on_windows/test_spout.py has Spout's own list."""

    def fail() -> list[str]:
        return [b"B\xfchne".decode()]

    windows.library.answers["getSenderList"] = fail
    entries = (b"Arena - Composition", b"B\xfchne", "B\u00fchne 2".encode(), b"")
    memory = b"".join(name.ljust(256, b"\0") for name in entries)
    monkeypatch.setattr("engine.sources.spout.read_shared_memory", lambda name: memory)
    monkeypatch.setattr("engine.sources.spout.locale.getencoding", lambda: "cp1252")
    source = opened("spout:b\u00fchne")
    source.poll()
    assert windows.library.named("setReceiverName") == [{"arguments": (b"B\xfchne",)}]
    assert open_list()() == ["Arena - Composition", "B\u00fchne", "B\u00fchne 2"]


def test_errors_of_the_library_do_not_abort_a_frame(
    windows: Windows, opened, clock, reports
) -> None:
    def crash(*_: object) -> bool:
        raise OSError("driver reset")

    source = opened("spout:composition")
    windows.library.answers["receiveImage"] = crash
    for _ in range(120):
        source.poll()
        clock.advance(1 / 30)
    assert "driver reset" in source.status().description
    assert 2 <= source.status().lost <= 4, "retried with growing delays"
    windows.library.answers["releaseReceiver"] = crash
    source.close()


def test_on_another_system_the_error_names_the_required_one(clock, reports) -> None:
    for kind, system in (("syphon", "macOS"), ("spout", "Windows")):
        if TEXTURES.get(sys.platform) == kind:
            continue
        with pytest.raises(SourceError, match=rf"^{kind} stage: needs {system}$"):
            open_source(f"{kind}:stage", offline=False, clock=clock, report=reports)


# -- lists of senders ------------------------------------------------------------------------------


def test_a_menu_has_present_and_later_senders_but_not_our_own(windows: Windows, clock) -> None:
    lists = SenderLists(clock, lambda: [("spout", "Multiverse")])
    windows.senders = ["Multiverse", "Arena - Preview"]
    lists.poll()
    assert windows.library.calls == [], "the library is loaded on another thread first"
    assert lists.refresh() == ()
    lists.poll()
    assert lists.refresh() == (), "senders present at the start are not new"
    assert [(sender.word, sender.title) for sender in lists.now if sender.kind == "spout"] == [
        ("spout:Arena - Preview", "Arena - Preview (Spout)")
    ]
    windows.senders.append("Arena - Composition")
    for _ in range(30):
        lists.poll()
        clock.advance(1 / 30)
    assert [sender.word for sender in lists.refresh()] == ["spout:Arena - Composition"]
    assert len(windows.library.named("getSenderList")) == 2, "polled twice per second"
    assert {call for call, _ in windows.library.calls} == {"getSenderList"}
    assert lists.refresh() == ()


def test_senders_are_listed_with_the_arguments_that_select_them(mac: Mac) -> None:
    assert [sender.word for sender in list_textures()] == [
        "syphon:Arena:Preview",
        "syphon:Arena:Composition",
        "syphon:TouchDesigner:out1",
    ]


def test_a_failing_list_does_not_abort_a_frame(windows: Windows, clock) -> None:
    def crash() -> list[str]:
        raise OSError("driver reset")

    lists = SenderLists(clock)
    lists.refresh()
    windows.library.answers["getSenderList"] = crash
    for _ in range(3):
        lists.poll()
        clock.advance(1.0)
    assert len(windows.library.named("getSenderList")) == 1
