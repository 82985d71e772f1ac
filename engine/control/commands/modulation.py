"""Commands that edit the moves of macros and the routes of the modulation, both of which are
parameters, too."""

from collections.abc import Mapping

import osc_schema
from engine.control import CommandTable, Reply
from engine.errors import MultiverseError
from engine.params import ParamStore
from engine.params.macros import MOVES, Move, moves_of
from osc_schema import Value
from osc_schema.modulation import ROUTES

_PARTS = tuple(param.address.removeprefix("/mod/1/") for param in osc_schema.match("/mod/1/*"))


class ModulationControl:
    """The commands `/macro/add`, `/macro/remove` and `/mod/copy`. OSC's threads."""

    def __init__(self, store: ParamStore) -> None:
        self._store = store

    def add_commands(self, table: CommandTable) -> None:
        table.add("/macro/add", self._on_add)
        table.add("/macro/remove", self._on_remove)
        table.add("/mod/copy", self._on_copy)

    def _on_add(
        self,
        reply: Reply,
        number: int,
        address: str,
        low: float | None,
        high: float | None,
        curve: float,
    ) -> None:
        if low is not None and high is None:
            raise MultiverseError(f"low {low:g} needs high, the other end of the movement")
        new = Move(address=address, low=low, high=high, curve=curve)
        moves_of(str(new))
        others = [move for move in self._moves(number) if move.address != address]
        self._write(number, [*others, new])
        reply.done(number, address)

    def _on_remove(self, reply: Reply, number: int, address: str | None) -> None:
        remaining = [
            move for move in self._moves(number) if address is not None and move.address != address
        ]
        if address is not None and len(remaining) == len(self._moves(number)):
            raise MultiverseError(f"macro {number} does not move {address}")
        self._write(number, remaining)
        reply.done(number)

    def _moves(self, number: int) -> list[Move]:
        return list(
            dict.fromkeys(
                move for _, move in moves_of(str(self._store.get(MOVES[f"/macro/{number}"])))
            )
        )

    def _write(self, number: int, moves: list[Move]) -> None:
        address = MOVES[f"/macro/{number}"]
        text = "; ".join(map(str, moves))
        most = osc_schema.lookup(address)
        assert most is not None
        if len(text) > most.high:
            raise MultiverseError(
                f"macro {number} would move too much: its moves are a text of {most.high:g} "
                "characters"
            )
        self._store.set(address, text, by="/macro")

    def _on_copy(self, reply: Reply, source: int, target: int | None) -> None:
        values = self._store.snapshot()
        target = target or _free_route(values)
        copies = [(f"/mod/{target}/{part}", values[f"/mod/{source}/{part}"]) for part in _PARTS]
        self._store.set_many(copies, by="/mod/copy")
        reply.done(source, target)


def _free_route(values: Mapping[str, Value]) -> int:
    """The first route without source and target."""
    for n in ROUTES:
        if values[f"/mod/{n}/source"] == "off" and not values[f"/mod/{n}/target"]:
            return n
    raise MultiverseError(
        f"all {len(ROUTES)} routes are in use; /mod/<n>/source off and an empty target free one"
    )
