"""The command that copies a route of the modulation; the routes themselves are parameters, `/mod/<n>`."""

from collections.abc import Mapping

import osc_schema
from engine.control import Args, CommandTable, Reply
from engine.errors import MultiverseError
from engine.params import ParamStore
from osc_schema import Value
from osc_schema.modulation import ROUTES

_PARTS = tuple(param.address.removeprefix("/mod/1/") for param in osc_schema.match("/mod/1/*"))


class ModulationControl:
    """OSC's threads."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store

    def add_commands(self, table: CommandTable) -> None:
        table.add("/mod/copy", self._on_copy)

    def _on_copy(self, args: Args, reply: Reply) -> None:
        if not 1 <= len(args) <= 2 or any(number not in ROUTES for number in args):
            raise MultiverseError(f"takes a route and optionally the one to copy it to, {ROUTES[0]}..{ROUTES[-1]}")
        values = self._store.snapshot()
        source, target = args if len(args) == 2 else (args[0], free_route(values))
        copies = [(f"/mod/{target:g}/{part}", values[f"/mod/{source:g}/{part}"]) for part in _PARTS]
        self._store.set_many(copies, by="/mod/copy")
        reply.done(int(str(source)), int(str(target)))


def free_route(values: Mapping[str, Value]) -> int:
    """The first route without source and target. Raises MultiverseError if there is none."""
    for n in ROUTES:
        if values[f"/mod/{n}/source"] == "off" and not values[f"/mod/{n}/target"]:
            return n
    raise MultiverseError(f"all {len(ROUTES)} routes are in use; /mod/<n>/source off and an empty target free one")
