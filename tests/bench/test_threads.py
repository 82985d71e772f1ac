"""`multiverse bench threads` measures each wait policy, quiet and beside busy processes. Its rates are not tested."""

import json
from collections.abc import Callable

from engine.bench import threads
from tests.cli.conftest import Said


def test_each_wait_policy_is_measured_quiet_and_busy(bench_here: Callable[..., Said]) -> None:
    said = bench_here("threads", "--kind", "draw", "--seconds", "0.3", "--threads", "2", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["draw"]["used"] in threads.POLICIES
    for way in threads.POLICIES:
        measured = result["draw"][way]
        assert measured["quiet_per_s"] > 0 and measured["busy_per_s"] > 0


def test_an_unknown_kind_is_rejected(say: Callable[..., Said]) -> None:
    said = say("bench", "threads", "--kind", "sleep")
    assert said.code == 2 and "--kind takes paint, find, convert or draw" in said.err
