"""Trials of shaders on a GPU let the engine draw first."""

import pytest

from engine.ipc import Gate
from engine.render.isf.vet_child import wait_for_gate

PERIOD_NS = 16_000_000


@pytest.mark.parametrize(
    ("draw_ns", "waited_ns"), [(5_000_000, 5_000_000), (10**9, PERIOD_NS), (0, 0)]
)
def test_a_trial_waits_while_the_engine_draws_at_most_one_frame(
    draw_ns: int, waited_ns: int
) -> None:
    gate, now = Gate.create(), [1_000]
    gate.period_ns = PERIOD_NS

    def sleep(seconds: float) -> None:
        now[0] += round(seconds * 1e9)
        if now[0] >= 1_000 + draw_ns:
            gate.draw_ends()
        elif draw_ns > PERIOD_NS:
            gate.draw_begins(now[0])  # it always draws

    if draw_ns:
        gate.draw_begins(now[0])
    wait_for_gate(gate, lambda: now[0], sleep)
    gate.close()
    assert now[0] - 1_000 == waited_ns
