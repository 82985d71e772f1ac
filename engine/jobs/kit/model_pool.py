"""Opens an ActorPool with its cluster connection; absolute paths for the actors, a note on mixed hardware."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from engine.jobs.kit.ray_actor import Recipe
from engine.jobs.kit.ray_pool import ActorPool, ActorShare, connect_pool, machine_resources, share_of

Payload = TypeVar("Payload")
Result = TypeVar("Result")
Loaded = TypeVar("Loaded")


@contextmanager
def open_pool(
    cluster: str,
    recipe: Callable[[ActorShare], Recipe[Payload, Result, Loaded]],
    *,
    device: str,
    threads: int | None,
    piece_bytes: int,
    max_actors: int | None = None,
) -> Iterator[ActorPool[Payload, Result, Loaded]]:
    """Connect and start the actors; stop them and disconnect at exit. Takes seconds to minutes: every actor loads the
    model.

    UsageError if Ray is not installed; ModelError or ChildError, in one line, for everything else.
    """
    connection = connect_pool(cluster, piece_bytes=piece_bytes)
    try:
        machines = machine_resources(connection.ray)
        share = share_of(machines, device, threads, cluster=connection.words, max_actors=max_actors)
        pool = ActorPool(connection, recipe(share), share, piece_bytes=piece_bytes)
        try:
            pool.start()
            yield pool
        finally:
            pool.close()
    finally:
        connection.close()


def absolute_if_here(name: str) -> str:
    """Make an existing path absolute, because an actor may have another working directory. Model ids stay unchanged."""
    path = Path(name).expanduser()
    return str(path.absolute()) if name and path.exists() else name


def unlike_note(kinds: Iterable[tuple[str, ...]], results: str) -> list[str]:
    """A line for the user if the actors differ in `kinds`, such as (device, dtype, card); empty if they do not."""
    found = set(kinds)
    if len(found) < 2:
        return []
    named = ", ".join(sorted(" ".join(word for word in kind if word) for kind in found))
    return [f"the actors run on different hardware ({named}): their {results} may differ in the last digits"]
