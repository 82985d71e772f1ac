"""Stages, frames, and fakes of other systems' libraries, strict to their recorded interfaces."""

import ctypes
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.render.context import _gl_library
from engine.sinks.sink import OutputFormat
from engine.values import AudioBlock, FrameId, PublishedFrame, TextureRef
from tests.support.ndi_network import NdiReceiver, use_loopback
from tests.support.stubs import LibraryStub, load_api, python_signature


@pytest.fixture(scope="session", autouse=True)
def ndi_on_loopback(tmp_path_factory: pytest.TempPathFactory) -> None:
    use_loopback(tmp_path_factory.mktemp("ndi"))


@pytest.fixture
def make_format(tmp_path: Path) -> Callable[..., OutputFormat]:
    def make(**changes: Any) -> OutputFormat:
        values: dict[str, Any] = {
            "width": 64,
            "height": 48,
            "fps": 30.0,
            "sample_rate_hz": 48_000,
            "audio_channels": 2,
            "is_offline": False,
            "record_folder": tmp_path / "recordings",
        }
        return OutputFormat(**{**values, **changes})

    return make


@pytest.fixture
def make_frame() -> Callable[..., PublishedFrame]:
    """`make_frame(index, pixels=..., time_s=..., audio=..., texture=...)`; `reads` collects what
    was read back."""

    def make(
        index: int = 0,
        pixels: np.ndarray | None = None,
        *,
        time_s: float | None = None,
        audio: AudioBlock | None = None,
        texture: TextureRef | None = None,
        reads: list[int] | None = None,
    ) -> PublishedFrame:
        picture = np.full((48, 64, 4), 255, np.uint8) if pixels is None else pixels

        def read_rgba() -> np.ndarray:
            if reads is not None:
                reads.append(index)
            return picture

        return PublishedFrame(
            id=FrameId(index=index, time_s=index / 30 if time_s is None else time_s),
            width=picture.shape[1],
            height=picture.shape[0],
            texture=texture,
            read_rgba=read_rgba,
            audio=audio,
        )

    return make


@pytest.fixture
def tone() -> Callable[..., np.ndarray]:
    """(frames, channels) float32: silence, then from `starts_s` a sine of half scale."""

    def make(
        seconds: float,
        *,
        hz: float = 1000,
        starts_s: float = 0,
        rate_hz: int = 48_000,
        channels: int = 2,
    ) -> np.ndarray:
        at_s = np.arange(round(seconds * rate_hz)) / rate_hz
        wave = np.where(at_s >= starts_s, 0.5 * np.sin(2 * np.pi * hz * at_s), 0)
        return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)

    return make


@pytest.fixture
def receive(require, tmp_path: Path) -> Iterator[Callable[[str], NdiReceiver]]:
    """`receive(name)` starts a program that receives this NDI source."""
    require(find_spec("cyndilib"), "cyndilib")
    receivers: list[NdiReceiver] = []

    def start(name: str) -> NdiReceiver:
        receivers.append(NdiReceiver(name, tmp_path))
        return receivers[-1]

    yield start
    for receiver in receivers:
        receiver.end()


@pytest.fixture
def published_api() -> Callable[[str], dict[str, Any]]:
    return load_api


@pytest.fixture
def fake_syphon(monkeypatch: pytest.MonkeyPatch) -> LibraryStub:
    """A fake of macOS for the Syphon sink. `answers` may be set for `glGetError` and the rest."""
    api = load_api("syphon")
    library = LibraryStub()
    modules = {name: types.ModuleType(name) for name in api["modules"]}
    for module, contents in api["modules"].items():
        for function, parameters in contents["functions"].items():
            signature = python_signature(parameters)
            setattr(modules[module], function, library.callable(f"{module}.{function}", signature))
    servers = api["modules"]["syphon.server"]["classes"]
    for name in ("SyphonOpenGLServer", "SyphonMetalServer"):
        methods = {**servers["BaseSyphonServer"]["methods"], **servers[name]["methods"]}
        signatures = {
            method: python_signature(parameters) for method, parameters in methods.items()
        }
        assert "server_description" in servers["BaseSyphonServer"]["properties"]
        members = {
            "device": "the default device",
            "server_description": property(lambda _: describe()),
        }
        setattr(modules["syphon"], name, library.klass(name, signatures, members))

    def describe() -> types.SimpleNamespace:
        """The application's name as in SyphonServerBase.m: the running application's, else the
        process's."""
        named = library.named("NSProcessInfo.setProcessName_")
        running = library.answers.get("NSRunningApplication.localizedName", lambda: "Python")()
        return types.SimpleNamespace(
            app_name=running or (named[-1]["name"] if named else "python3.12")
        )

    objc = types.ModuleType("objc")
    opaque = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            for name in api["pyobjc"]["objc.createOpaquePointerType"]
        ]
    )
    objc.createOpaquePointerType = library.callable("objc.createOpaquePointerType", opaque)
    library.answers["objc.createOpaquePointerType"] = lambda **_: (
        lambda *, c_void_p: ("CGLContextObj", c_void_p)
    )
    pool = {
        name: python_signature(p)
        for name, p in api["pyobjc"]["objc.autorelease_pool"]["methods"].items()
    }
    pool["__exit__"] = inspect.signature(lambda kind, error, traceback: None)
    objc.autorelease_pool = library.klass("objc.autorelease_pool", pool, {})

    core = types.ModuleType("CoreFoundation")
    core.kCFRunLoopDefaultMode = "kCFRunLoopDefaultMode"
    count = api["pyobjc"]["CoreFoundation.CFRunLoopRunInMode"]
    positional = [
        inspect.Parameter(f"argument_{n}", inspect.Parameter.POSITIONAL_ONLY) for n in range(count)
    ]
    core.CFRunLoopRunInMode = library.callable(
        "CoreFoundation.CFRunLoopRunInMode", inspect.Signature(positional)
    )

    foundation = types.ModuleType("Foundation")
    set_name = library.callable(
        "NSProcessInfo.setProcessName_", inspect.signature(lambda name, /: None)
    )
    information = types.SimpleNamespace(setProcessName_=set_name)
    foundation.NSProcessInfo = types.SimpleNamespace(processInfo=lambda: information)

    for name, module in {
        **modules,
        "objc": objc,
        "CoreFoundation": core,
        "Foundation": foundation,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr("engine.sinks.registry.PLATFORM", "darwin")
    monkeypatch.setattr("engine.sinks.registry.find_spec", lambda name: object())

    def function(name: str, default: int) -> Callable[..., int]:
        def call(*args: Any) -> int:
            library.calls.append((name, {"args": args}))
            return library.answers.get(name, lambda *_: default)(*args)

        return call

    framework = types.SimpleNamespace(
        CGLGetCurrentContext=function("CGLGetCurrentContext", 0xC0FFEE),
        CGLSetCurrentContext=function("CGLSetCurrentContext", 0),
        glGetError=function("glGetError", 0),
    )
    opened = library.callable("CDLL", inspect.signature(lambda name, /: None))
    library.answers["CDLL"] = lambda **_: framework
    monkeypatch.setattr(
        "engine.sinks.syphon.ctypes", types.SimpleNamespace(CDLL=opened, c_void_p=ctypes.c_void_p)
    )
    return library


@pytest.fixture
def fake_spout(monkeypatch: pytest.MonkeyPatch) -> LibraryStub:
    """A fake of Windows for the Spout sink. Positional arguments only, of the recorded types."""
    api = load_api("spout")
    library = LibraryStub()
    accepts = {"int": int, "bool": bool, "str": str, "Buffer": np.ndarray}
    module, enums = types.ModuleType("SpoutGL"), types.ModuleType("SpoutGL.enums")
    for number, constant in enumerate(api["constants"]["SpoutGL.enums"]):
        setattr(enums, constant, 0x1900 + number)
    module.enums = enums

    def checked(name: str, kinds: list[str]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            assert len(args) == len(kinds), f"{name} takes {kinds}"
            for value, kind in zip(args, kinds, strict=True):
                assert type(value) is accepts[kind], f"{name} takes {kinds}, not {args}"
            library.calls.append((name, {"args": args}))
            return library.answers[name](*args) if name in library.answers else None

        return call

    for owner, methods in api["classes"].items():
        members = {}
        for method, signatures in methods.items():
            call = checked(f"{owner}.{method}", signatures[0]["parameters"])
            members[method] = lambda instance, *args, call=call: call(*args)
        setattr(module, owner, type(owner, (), members))

    monkeypatch.setitem(sys.modules, "SpoutGL", module)
    monkeypatch.setitem(sys.modules, "SpoutGL.enums", enums)
    monkeypatch.setattr("engine.sinks.registry.PLATFORM", "win32")
    monkeypatch.setattr("engine.sinks.registry.find_spec", lambda name: object())

    def current_context() -> int:
        return library.answers.get("wglGetCurrentContext", lambda: 0xC0FFEE)()

    opengl = types.SimpleNamespace(wglGetCurrentContext=current_context)
    fake = types.SimpleNamespace(CDLL=lambda name: opengl, c_void_p=ctypes.c_void_p)
    monkeypatch.setattr("engine.sinks.spout.ctypes", fake)
    for name in ("import_spoutgl", "is_shared"):  # tests/on_windows/test_spout.py has the real ones
        monkeypatch.setattr(f"engine.sinks.spout.{name}", lambda *_: True)
    return library


@pytest.fixture
def receivers(request: pytest.FixtureRequest) -> Callable[..., dict[tuple[int, int], np.ndarray]]:
    """`receivers(kind, read)`: what receivers of fake Syphon or Spout see, by size.

    `read(glo, width, height)` reads the texture by GL; the rows are flipped according to the
    libraries' source code: Syphon takes memory row 0 as the bottom unless `is_flipped`, Spout's row
    0 is the top unless inverted.
    """

    def see(
        kind: str, read: Callable[[int, int, int], np.ndarray]
    ) -> dict[tuple[int, int], np.ndarray]:
        library = request.getfixturevalue(f"fake_{kind}")
        seen: dict[tuple[int, int], np.ndarray] = {}

        def publish(
            texture: int, region: Any, size: tuple[int, int], is_flipped: bool, target: int
        ) -> None:
            rows = read(texture, *size)
            seen[size] = rows if is_flipped else rows[::-1]

        def send(
            texture: int, target: int, width: int, height: int, is_inverted: bool, host_fbo: int
        ) -> bool:
            rows = read(texture, width, height)
            seen[width, height] = rows[::-1] if is_inverted else rows
            return True

        library.answers["SyphonOpenGLServer.publish_frame_texture"] = publish
        library.answers["glGetError"] = ctypes.CDLL(
            "opengl32" if sys.platform == "win32" else _gl_library()
        ).glGetError
        library.answers["SpoutReceiver.getSenderList"] = lambda: []
        library.answers["SpoutSender.sendTexture"] = send
        return seen

    return see
