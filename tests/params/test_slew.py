"""Gliding values: independent of the frame rate, the short way round, and by equal factors on an
exponential scale."""

import math

import pytest

from engine.params import ParamStore, Slew
from osc_schema import PARAMS, Param, lookup

GLIDING = [param for param in PARAMS if param.can_glide and param.smoothing_ms > 0]


def started(store: ParamStore) -> Slew:
    slew = Slew()
    slew.step(store.snapshot(), 0.0)
    return slew


def between(param: Param, part: float) -> float:
    if param.scale == "exponential":
        return param.low * (param.high / param.low) ** part
    return param.low + (param.high - param.low) * part


def test_smoothing_covers_63_percent_in_its_time_and_never_leaves_the_range() -> None:
    store = ParamStore()
    store.set("/layer/1/curve", 0)
    slew = started(store)
    slew.set_smoothing("/layer/1/curve", 100)
    store.set("/layer/1/curve", 1)
    values = [slew.step(store.snapshot(), 0.025)["/layer/1/curve"] for _ in range(4)]
    assert values == pytest.approx([1 - math.exp(-0.25 * n) for n in (1, 2, 3, 4)], abs=1e-12)
    # exp(log(10000)) is a little more than 10000.
    store = ParamStore()
    store.set("/audio/1/decay_ms", 10_000)
    slew = Slew({"/audio/1/decay_ms": 30})
    slew.step(store.snapshot(), 0.0)
    store.set("/audio/1/decay_ms", 10)
    assert slew.step(store.snapshot(), 0.0)["/audio/1/decay_ms"] == 10_000


def test_30_and_60_frames_a_second_have_the_same_values_at_the_same_times(
    store: ParamStore,
) -> None:
    store.set_many([(param.address, between(param, 0.2)) for param in GLIDING], by="test")
    slow, fast = started(store), started(store)
    store.set_many([(param.address, between(param, 0.9)) for param in GLIDING], by="test")
    is_moving = []
    for frame in range(30):
        at_30 = slow.step(store.snapshot(), 1 / 30)
        fast.step(store.snapshot(), 1 / 60)
        at_60 = fast.step(store.snapshot(), 1 / 60)
        for param in GLIDING:
            value = at_30[param.address]
            assert value == pytest.approx(at_60[param.address], abs=1e-9), (
                f"frame {frame} of {param.address}"
            )
            assert param.low <= value <= param.high, param.address
        is_moving.append(
            [param.address for param in GLIDING if at_30[param.address] != store.get(param.address)]
        )
    assert is_moving[0] == [param.address for param in GLIDING] and is_moving[-1] == [], (
        "each glides, lands exactly"
    )


def test_angles_go_the_short_way_round_and_ratios_by_equal_factors() -> None:
    store = ParamStore()
    store.set("/layer/1/angle", 170)
    slew = started(store)
    store.set("/layer/1/angle", -170)
    values = [slew.step(store.snapshot(), 1 / 60)["/layer/1/angle"] for _ in range(60)]
    assert values[-1] == -170.0
    assert all(abs(value) >= 170 for value in values), "never through 0"
    store.set("/layer/1/angle", 180)
    for _ in range(60):
        slew.step(store.snapshot(), 1 / 60)
    store.set("/layer/1/angle", -180)
    assert slew.step(store.snapshot(), 1 / 60)["/layer/1/angle"] == -180.0, "the same place"
    store = ParamStore()
    store.set("/layer/1/ratio", 1)
    up, down = started(store), started(store)
    store.set("/layer/1/ratio", 4)
    rising = up.step(store.snapshot(), 0.02)["/layer/1/ratio"]
    store.set("/layer/1/ratio", 0.25)
    falling = down.step(store.snapshot(), 0.02)["/layer/1/ratio"]
    assert rising == pytest.approx(4 ** (1 - math.exp(-0.02 / 0.03)))
    assert rising * falling == pytest.approx(1.0)


def test_menus_and_a_smoothing_of_zero_change_at_once_and_a_stopped_clock_moves_nothing() -> None:
    store = ParamStore()
    slew = started(store)
    store.set("/multiverse/brightness", 0)
    slew.step(store.snapshot(), 0.001)
    store.set_many(
        [("/mirror/mode", "x"), ("/region/enable", 1), ("/mirror/segments", 9)], by="local"
    )
    values = slew.step(store.snapshot(), 0.001)
    assert (values["/mirror/mode"], values["/region/enable"], values["/mirror/segments"]) == (
        "x",
        True,
        9,
    )
    assert 0.0 < values["/multiverse/brightness"] < 4.0
    store = ParamStore()
    slew = Slew({"/layer/1/curve": 0})
    slew.step(store.snapshot(), 0.0)
    store.set_many([("/layer/1/curve", 0.75), ("/layer/2/curve", 1)], by="local")
    values, default = slew.step(store.snapshot(), 0.0), lookup("/layer/2/curve")
    assert default is not None
    assert (values["/layer/1/curve"], values["/layer/2/curve"]) == (0.75, default.default)


def test_a_glide_starts_from_the_current_value_and_makes_no_mapping_while_nothing_moves() -> None:
    store = ParamStore()
    slew = started(store)
    store.set("/layer/1/curve", 1)
    on_the_way = slew.step(store.snapshot(), 0.02)["/layer/1/curve"]
    store.set("/layer/1/curve", on_the_way)
    assert slew.step(store.snapshot(), 0.02)["/layer/1/curve"] == on_the_way
    store = ParamStore()
    slew = started(store)
    still = slew.step(store.snapshot(), 1 / 60)
    assert slew.step(store.snapshot(), 1 / 60) is still
    store.set("/layer/1/curve", 1)
    moving = slew.step(store.snapshot(), 1 / 60)
    before = dict(moving)
    for _ in range(60):
        landed = slew.step(store.snapshot(), 1 / 60)
    assert slew.step(store.snapshot(), 1 / 60) is landed
    assert dict(moving) == before, "mappings returned earlier do not change"


def test_a_palette_glides_by_the_weights_of_its_items_which_add_up_to_one() -> None:
    store, address = ParamStore(), "/colour/palette"
    store.set(address, "aurora")
    slew, part = started(store), 1 - math.exp(-1)
    for palette, weights in (
        ("sunset", (1 - part, part)),
        ("ember", ((1 - part) ** 2, part * (1 - part), part)),
    ):
        store.set(address, palette)
        item = slew.step(store.snapshot(), lookup(address).smoothing_ms / 1000)[address]
        assert item == palette and dict(item.weights) == pytest.approx(
            dict(zip(("aurora", "sunset", "ember"), weights, strict=False))
        )
    assert type(slew.step(store.snapshot(), 9.0)[address]) is str, "there"
