"""Looks that may come: who gets ready for them, and which presets have a shader that cannot be shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.control import Reply, Tell
from engine.params.preset_shelf import PresetShelf
from osc_schema import Value
from osc_schema.fx import SLOTS, enable_address, file_address

FAULT = "/preset/fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """Those who must be ready before a look comes, because they read, test, compile or draw something for it."""

    preparers: tuple[Callable[[Mapping[str, Value]], None], ...] = ()
    """Each gets all values of a look that waits for its beat or is prepared. Any thread; never waits."""
    fault_of: Callable[[str], str] = lambda file: ""
    """Why the shader of that name cannot be shown, "" if it can. Any thread."""

    def prepare(self, values: Mapping[str, Value]) -> None:
        for prepare in self.preparers:
            prepare(values)


class PresetFaults:
    """Presets with a shader that cannot be shown: told when asked, and to all when it changes. `step`: the disk's
    thread; the rest any."""

    def __init__(self, shelf: PresetShelf, fault_of: Callable[[str], str], tell: Tell) -> None:
        self._shelf, self._fault_of, self._tell = shelf, fault_of, tell
        self.told: dict[str, str] = {}
        """The reason by preset, as told last. Replaced as a whole. Any thread."""

    def now(self) -> dict[str, str]:
        """The reason by preset, of those that have a fault."""
        found = {name: self._fault(name) for name in self._shelf.names()}
        return {name: reason for name, reason in found.items() if reason}

    def step(self) -> None:
        """Tell what has changed."""
        now = self.now()
        for name in now.keys() | self.told.keys():
            if now.get(name, "") != self.told.get(name, ""):
                self._tell(FAULT, name, now.get(name, ""))
        self.told = now

    def send(self, reply: Reply) -> None:
        for name, reason in self.now().items():
            reply.send(FAULT, name, reason)

    def _fault(self, name: str) -> str:
        loaded = self._shelf.find(name)
        values = {} if loaded is None else loaded.by_address()
        files = [values.get(file_address(slot)) for slot in SLOTS if values.get(enable_address(slot))]
        return next((reason for file in files if file and (reason := self._fault_of(str(file)))), "")
