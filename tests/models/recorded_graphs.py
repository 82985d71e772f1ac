"""A fake graph capture without CUDA: it records and replays from the same buffers."""

from collections.abc import Callable, Sequence
from functools import partial

from engine.models.graphs import Part, State, copy_into


class Recording:
    """A fake graph capture whose replays read the captured buffers, and overwrite the same
    results."""

    def __init__(self) -> None:
        self.captured: list[State] = []
        """The buffers of every capture."""

    def __call__(
        self, parts: Sequence[Part], buffers: State
    ) -> tuple[list[Callable[[], None]], State]:
        self.captured.append(buffers)
        states = [buffers]
        for part in parts:
            states.append(dict(part(states[-1])))

        def replay(number: int) -> None:
            computed = parts[number](states[number])
            if number + 1 < len(parts):
                states[number + 1].update(computed)
            else:
                for name, value in computed.items():
                    copy_into(states[-1][name], value)

        return [partial(replay, number) for number in range(len(parts))], states[-1]
