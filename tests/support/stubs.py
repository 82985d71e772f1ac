"""Stubs of libraries of other systems that allow only the interfaces recorded in
tests/sinks/published_api."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PUBLISHED_API = Path(__file__).parents[1] / "sinks" / "published_api"


class LibraryStub:
    """Stub of a library that is not installed: accepts only calls that its recorded interface
    allows; records them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Callable[..., Any]] = {}
        """Return value of each call; None by default."""

    def named(self, name: str) -> list[dict[str, Any]]:
        return [arguments for called, arguments in self.calls if called == name]

    def callable(self, name: str, signature: inspect.Signature) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            self.calls.append((name, dict(bound.arguments)))
            return self.answers[name](**bound.arguments) if name in self.answers else None

        return call

    def klass(
        self, name: str, methods: dict[str, inspect.Signature], properties: dict[str, Any]
    ) -> type:
        members: dict[str, Any] = dict(properties)
        for method, signature in methods.items():
            call = self.callable(f"{name}.{method}", signature)
            members[method] = lambda instance, *args, call=call, **kwargs: call(*args, **kwargs)
        return type(name, (), members)


def python_signature(parameters: list[dict[str, Any]]) -> inspect.Signature:
    return inspect.Signature(
        [
            inspect.Parameter(
                entry["name"],
                getattr(inspect.Parameter, entry["kind"]),
                default=f"<default of {entry['name']}>"
                if entry["has_default"]
                else inspect.Parameter.empty,
            )
            for entry in parameters
        ]
    )


def load_api(name: str) -> dict[str, Any]:
    return json.loads((PUBLISHED_API / f"{name}.json").read_text())
