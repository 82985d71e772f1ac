"""Presets with a shader that cannot be shown: told when asked, and to all when it changes."""

from collections.abc import Callable

from engine.control import Reply, Tell
from engine.params.preset_shelf import PresetShelf
from osc_schema.fx import SLOTS, enable_address, file_address

FAULT = "/preset/fault"


class PresetFaults:
    """`step`: the disk's thread; the rest any."""

    def __init__(self, shelf: PresetShelf, tell: Tell) -> None:
        self._shelf = shelf
        self._tell = tell
        self.fault_of: Callable[[str], str] = lambda file: ""
        """Why a shader cannot be shown, "" if it can. Set before the frame loop starts."""
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
        return next((reason for file in files if file and (reason := self.fault_of(str(file)))), "")
