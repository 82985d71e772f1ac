"""Makes this process look like a Mac to our own code only.

Setting `sys.platform` globally does not work: pathlib, subprocess, asyncio and multiprocessing
depend on it, and would call missing libraries. Instead, `import` is wrapped. A module of ours that
imports `os` gets a view of it: names that macOS lacks raise AttributeError, names that only macOS
has are added, and everything else is real. A module that macOS lacks cannot be imported. The
standard library and packages still see Linux.

So our code's use of the system is checked; the behaviour of packages on a Mac is not. Two rules are
enforced for the whole process, because our files pass through pathlib, shutil and FFmpeg: Linux's
folders are missing (`file_rules`), and no text file is opened with the encoding of the locale (PEP
597).

`system_names.json` has the names of the standard library that Linux has and macOS lacks, generated
from the branches on `sys.platform` in typeshed's stubs. These are github.com/python/typeshed,
commit 21dff5c0, stdlib/, Python 3.11 to 3.14; no members of classes.
"""

import builtins
import importlib.util
import json
import os
import sys
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

OURS = ("engine", "osc_schema", "touchdesigner")
CALLS: list[tuple[Any, ...]] = []
"""Calls of the stand-ins: (function, *arguments)."""

_import = builtins.__import__
_absent: frozenset[str] = frozenset()
_absent_names: dict[str, frozenset[str]] = {}
_overrides: dict[str, dict[str, Any]] = {}
"""Module -> what our code finds in it besides, or instead."""
_prepare: dict[str, Callable[[], dict[str, Any]]] = {}
"""Module -> what makes its given names, once our code imports it."""
_views: dict[str, "View"] = {}
_making = threading.RLock()


class View(types.ModuleType):
    """A module of the standard library as it is on the other system."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__(module.__name__)
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__["_module"]
        overrides = _overrides.get(module.__name__, {})
        if name in overrides:
            return overrides[name]
        if name in _absent_names.get(module.__name__, ()):
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        return _seen(getattr(module, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["_module"], name, value)


def put_on() -> None:
    """Disguise this process."""
    global _absent
    absent = json.loads(Path(__file__).with_name("system_names.json").read_text(encoding="utf-8"))[
        "darwin"
    ]
    _absent = frozenset(absent["modules"].split())
    _absent_names.update({name: frozenset(text.split()) for name, text in absent["names"].items()})
    _as_mac()
    builtins.__import__ = _import_as_there
    warnings.filterwarnings("ignore", category=EncodingWarning)
    warnings.filterwarnings("error", category=EncodingWarning, module=rf"({'|'.join(OURS)})\b")


def _import_as_there(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> types.ModuleType:
    if level or globals is None or not _is_ours(globals):
        return _import(name, globals, locals, fromlist, level)
    if name.partition(".")[0] in _absent:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if name in _overrides and name not in sys.modules and importlib.util.find_spec(name) is None:
        stand_in = types.ModuleType(name)
        stand_in.__dict__.update(_overrides[name])
        return stand_in
    return _seen(_import(name, globals, locals, fromlist, level))


def _is_ours(globals: Any) -> bool:
    name = globals.get("__package__") or globals.get("__name__") or ""
    return name.partition(".")[0] in OURS


def _seen(value: Any) -> Any:
    """A module as our code sees it; anything else as it is."""
    if not isinstance(value, types.ModuleType) or isinstance(value, View):
        return value
    name = value.__name__
    with _making:  # a second thread that imports it waits until its names are there
        if name not in _views:
            if name in _prepare:
                _overrides.setdefault(name, {}).update(_prepare.pop(name)())
            if name not in _overrides and name not in _absent_names and not _has_a_view(name):
                return value
            _views[name] = View(value)
        return _views[name]


def _has_a_view(package: str) -> bool:
    """True if one of its modules has a view: `import asyncio.streams` gives `asyncio`."""
    return any(name.startswith(f"{package}.") for name in (*_overrides, *_absent_names, *_prepare))


def _as_mac() -> None:
    import file_rules

    file_rules.hide_linux()
    _overrides["sys"] = {"platform": "darwin"}
    _overrides["Foundation"] = {"NSProcessInfo": _NSProcessInfo}
    _prepare.update(
        {
            "ctypes": _mac_ctypes,
            "moderngl": _any_gl,
            "platform": _platform,
            "socket": lambda: {"TCP_KEEPALIVE": importlib.import_module("socket").TCP_KEEPIDLE},
        }
    )


def _platform() -> dict[str, Any]:
    return {
        "system": lambda: "Darwin",
        "machine": lambda: "arm64",
        "platform": lambda *_, **__: "macOS-14.5-arm64-arm-64bit",
        "mac_ver": lambda: ("14.5", ("", "", ""), "arm64"),
    }


def _any_gl() -> dict[str, Any]:
    """A context without a named backend: that of the system, which is EGL here."""
    import glcontext

    glcontext.default_backend = lambda: _egl
    return {}


def _egl(**options: Any) -> Any:
    import glcontext

    options.pop("backend", None)
    return glcontext.get_backend_by_name("egl")(
        **{"libgl": "libGL.so.1", "libegl": "libEGL.so.1", **options}
    )


class _NSProcessInfo:
    @classmethod
    def processInfo(cls) -> "_NSProcessInfo":
        return cls()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.endswith("_"):
            raise AttributeError(name)
        return lambda *arguments: CALLS.append((name, *arguments)) or (name, *arguments)


def _mac_ctypes() -> dict[str, Any]:
    real = importlib.import_module("ctypes").CDLL

    def cdll(name: Any, *arguments: Any, **options: Any) -> Any:
        if str(name).endswith("/OpenGL"):
            return real("libGL.so.1")
        if str(name).endswith((".so", ".so.1", ".so.6")) and not os.path.isabs(str(name)):
            raise OSError(f"dlopen({name}, 0x0006): tried: '{name}' (no such file)")
        return real(name, *arguments, **options)

    return {"CDLL": cdll}
