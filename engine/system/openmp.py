"""How the threads of OpenMP wait for their next piece of work: in the environment, read when the library is loaded.

Problem: torch and Numba share a parallel loop out to OpenMP's threads, and between two loops these spin: they
keep their cores busy for milliseconds, so that they need not be woken. Where another process wants the core, whoever
has finished first burns the time that the others need to finish: the same job of a tiny model painted 12 pictures a
second on a quiet machine of two cores, and 1 to 2 beside two busy processes.

Sleeping at once (OMP_WAIT_POLICY=passive) cures that, and costs a third to a half of the rate on a quiet machine: a
model is thousands of short loops. A brief spin, a tenth of the library's own, gives both: pictures a second of a tiny
diffusion model on two cores, quiet and beside two busy processes, were 20.0 and 4.3 with the library's 300 000 rounds,
19.3 and 6.3 with 100 000, 19.7 and 8.5 with 30 000, 16.3 and 6.6 with 1000, 13.0 and 6.2 asleep; finding objects and
converting voices go the same way. `multiverse bench threads` measures three of them on the machine at hand.

What the user has set in the environment stays: all of this is done only where none of its variables is set.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
# GOMP_*: GCC's library, on Linux. KMP_*: Intel's and LLVM's, on Windows and macOS, where it has not been measured;
# their own block time is 200 ms.
BRIEF_SPIN: Mapping[str, str] = {"GOMP_SPINCOUNT": "30000", "KMP_BLOCKTIME": "1"}
"""For work that is one short loop after another: models."""
SLEEP: Mapping[str, str] = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
"""For one loop now and then, beside processes that need the core: the picture that is drawn live."""
LIBRARY_DEFAULT: Mapping[str, str] = {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"}
"""What the libraries do unasked (libgomp: 3 ms at 100 000 rounds a millisecond); for comparison."""

_ours: dict[str, str] = {}
"""What `spin_briefly` has set in this process: not the user's choice."""


def is_chosen_by_user() -> bool:
    """True where the environment that this process was started with says how OpenMP's threads wait."""
    return any(os.environ.get(name, _ours.get(name)) != _ours.get(name) for name in VARIABLES)


def brief_spin() -> Mapping[str, str]:
    """Environment of a process that runs models; empty where the user has chosen."""
    return {} if is_chosen_by_user() else BRIEF_SPIN


def spin_briefly() -> None:
    """Set this for this process and those that it starts. To be called before torch is imported; idempotent."""
    chosen = brief_spin()
    _ours.update(chosen)
    os.environ.update(chosen)


@contextmanager
def sleeping() -> Iterator[None]:
    """While it lasts a library that is loaded gets threads that sleep at once, unless the user has chosen otherwise.

    The environment is as before afterwards: it is not meant for children.
    """
    if is_chosen_by_user():
        yield
        return
    before = {name: os.environ.pop(name, None) for name in VARIABLES}
    os.environ.update(SLEEP)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
