"""Empty replacements for packages that take seconds to import, for tests that only import their
users."""

import importlib.abc
import importlib.machinery
import sys
import types
from typing import Any, ClassVar

HEAVY = ("accelerate", "diffusers", "faiss", "peft", "ray", "torch", "transformers")


class Anything(types.ModuleType):
    """A module, class, function, decorator or type that does nothing."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return arguments[0] if len(arguments) == 1 and callable(arguments[0]) else self

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return ()

    def __or__(self, other: Any) -> Any:
        return self

    __getitem__ = __ror__ = __or__


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] in HEAVY:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        return Anything(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def leave_out() -> None:
    """Replace these packages from now on, by an import hook."""
    sys.meta_path.insert(0, _Finder())
