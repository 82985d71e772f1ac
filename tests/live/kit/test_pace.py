"""The pace of a child from its parameters."""

import pytest

from engine.live.kit.pace import ChildPace, read_pace


@pytest.mark.parametrize("area", ["/sd", "/sam3"])
def test_an_unset_value_has_the_schemas_default(area: str) -> None:
    expected = ChildPace(is_paused=True, interval_s=0.0, duty=None, slice_ms=4.0, has_gate=True)
    assert read_pace({}, area) == expected


def test_a_child_rests_when_it_is_off_and_when_it_is_paused() -> None:
    on = {"/sd/enable": True}
    assert not read_pace(on, "/sd").is_paused
    assert read_pace(on | {"/sd/paused": True}, "/sd").is_paused
    assert read_pace({"/sd/enable": False, "/sd/paused": False}, "/sd").is_paused


def test_the_duty_applies_only_if_it_is_not_automatic() -> None:
    values = {"/sam3/duty": 0.3, "/sam3/interval_s": 2.0, "/sam3/slice_ms": 9.0, "/sam3/gate": False}
    assert read_pace(values, "/sam3").duty is None
    pace = read_pace(values | {"/sam3/duty_auto": False}, "/sam3")
    assert (pace.duty, pace.interval_s, pace.slice_ms, pace.has_gate) == (0.3, 2.0, 9.0, False)
