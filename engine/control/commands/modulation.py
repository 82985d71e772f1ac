"""Commands that edit the moves of macros and the routes of the modulation, both of which are
parameters, too."""

from collections.abc import Mapping

import osc_schema
from engine.control import Args, CommandTable, Reply
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

    def _on_add(self, args: Args, reply: Reply) -> None:
        numbers = [float(value) for value in args[2:] if isinstance(value, int | float)]
        if len(args) not in (2, 4, 5) or len(numbers) < len(args) - 2:
            raise MultiverseError(
                "takes the macro's number, an address, and optionally low, high and curve"
            )
        number = _macro_number(args[0])
        address = str(args[1])
        low, high = numbers[:2] if numbers else (None, None)
        new = Move(
            address=address, low=low, high=high, curve=numbers[2] if len(numbers) > 2 else 0.0
        )
        moves_of(str(new))
        self._write(
            number, [*(move for move in self._moves(number) if move.address != new.address), new]
        )
        reply.done(number, new.address)

    def _on_remove(self, args: Args, reply: Reply) -> None:
        if not 1 <= len(args) <= 2:
            raise MultiverseError("takes the macro's number and optionally an address")
        number = _macro_number(args[0])
        address = args[1] if len(args) > 1 else None
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

    def _on_copy(self, args: Args, reply: Reply) -> None:
        if not 1 <= len(args) <= 2 or any(number not in ROUTES for number in args):
            raise MultiverseError(
                f"takes a route and optionally the one to copy it to, {ROUTES[0]}..{ROUTES[-1]}"
            )
        values = self._store.snapshot()
        source, target = args if len(args) == 2 else (args[0], _free_route(values))
        copies = [(f"/mod/{target:g}/{part}", values[f"/mod/{source:g}/{part}"]) for part in _PARTS]
        self._store.set_many(copies, by="/mod/copy")
        reply.done(*(ROUTES[ROUTES.index(number)] for number in (source, target)))


def _macro_number(number: object) -> int:
    """A macro's number, whole also where a controller sends a float."""
    if not isinstance(number, int | float) or f"/macro/{number:g}" not in MOVES:
        raise MultiverseError(f"there is no macro {number!r}; there are 1 to {len(MOVES)}")
    return round(number)


def _free_route(values: Mapping[str, Value]) -> int:
    """The first route without source and target."""
    for n in ROUTES:
        if values[f"/mod/{n}/source"] == "off" and not values[f"/mod/{n}/target"]:
            return n
    raise MultiverseError(
        f"all {len(ROUTES)} routes are in use; /mod/<n>/source off and an empty target free one"
    )
