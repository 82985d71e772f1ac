"""Prepares looks before they are on screen, and finds presets with a shader that cannot be
shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.control import Notify, Reply
from engine.params.preset_cache import PresetCache
from osc_schema import Value

FAULT = "/preset/fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """The parts that read, test, compile or draw something for a look before it is on screen."""

    preparers: tuple[Callable[[Mapping[str, Value]], None], ...] = ()
    """Each is called with all values of a look that waits for its beat or is prepared. Any thread;
    never waits."""
    fault_of: Callable[[str], str] = lambda file: ""
    """`fault_of(file)`: why the shader of that name cannot be shown, "" if it can. Any thread."""

    awaited_by: Callable[[Mapping[str, Value]], str] = lambda values: ""
    """`awaited_by(values)`: the shader for whose test a look with these values waits, "" for none.
    Any thread."""

    def prepare(self, values: Mapping[str, Value]) -> None:
        for prepare in self.preparers:
            prepare(values)


class PresetFaults:
    """Finds presets with a shader that cannot play, and announces changes. `step`: the disk's
    thread; the rest any."""

    def __init__(self, cache: PresetCache, fault_of: Callable[[str], str], notify: Notify) -> None:
        self._cache = cache
        self._fault_of = fault_of
        self._notify = notify
        self.last_published: dict[str, str] = {}
        """The reason by preset, as last published. Replaced as a whole. Any thread."""

    def now(self) -> dict[str, str]:
        """The reason by preset, for presets that have a fault."""
        found = {name: self.reason(name) for name in self._cache.names()}
        return {name: reason for name, reason in found.items() if reason}

    def step(self) -> None:
        """Notify subscribers of changes."""
        now = self.now()
        for name in now.keys() | self.last_published.keys():
            if now.get(name, "") != self.last_published.get(name, ""):
                self._notify(FAULT, name, now.get(name, ""))
        self.last_published = now

    def send(self, reply: Reply) -> None:
        for name, reason in self.now().items():
            reply.send(FAULT, name, reason)

    def reason(self, name: str) -> str:
        """Why the shader of a preset cannot be shown, or ""."""
        loaded = self._cache.find(name)
        files = () if loaded is None else loaded.shaders
        return next(filter(None, map(self._fault_of, files)), "")
