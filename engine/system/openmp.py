"""Sets how long OpenMP's idle threads spin: environment variables that the library reads when it is
loaded.

Between two parallel loops of torch or Numba, OpenMP's threads spin for milliseconds, to save waking
up, and so take cores from other processes. Sleeping at once (OMP_WAIT_POLICY=passive) costs a third
to a half of the rate on an idle machine, because a model is thousands of short loops. A tenth of
the library's spin does well in both. A tiny diffusion model on two cores, idle and beside two busy
processes, makes 20.0 and 4.3 pictures per second with the library's 300 000 rounds. It makes 19.7
and 8.5 with 30 000, 16.3 and 6.6 with 1000, 13.0 and 6.2 asleep; segmentation and voice conversion
behave alike. Nothing is set here if the user has set any of these variables.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
# GOMP_*: GCC's library, on Linux. KMP_*: Intel's and LLVM's, on Windows and macOS (not measured
# there); their default block time is 200 ms.
BRIEF_SPIN: Mapping[str, str] = {"GOMP_SPINCOUNT": "30000", "KMP_BLOCKTIME": "1"}
"""For many short loops in a row, as in models."""
SLEEP: Mapping[str, str] = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
"""For occasional loops beside processes that need the cores, as in the live picture."""

_ours: dict[str, str] = {}
"""Variables that `spin_briefly` set in this process, not the user."""


def is_chosen_by_user() -> bool:
    """True if the environment of this process already set one of these variables at its start."""
    return any(os.environ.get(name, _ours.get(name)) != _ours.get(name) for name in VARIABLES)


def brief_spin() -> Mapping[str, str]:
    """Environment variables for a process that runs models; empty if the user has set any."""
    return {} if is_chosen_by_user() else BRIEF_SPIN


def spin_briefly() -> None:
    """Set `brief_spin` for this process and those it starts. Call it before torch is imported.
    Idempotent."""
    chosen = brief_spin()
    _ours.update(chosen)
    os.environ.update(chosen)


@contextmanager
def sleeping() -> Iterator[None]:
    """Context in which a newly loaded library gets threads that sleep at once, unless the user has
    set otherwise. It restores the environment, so that children do not inherit this."""
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
