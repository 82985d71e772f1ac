"""Looks are prepared, taken, flashed and faded to by hand."""

import threading
from pathlib import Path
from typing import Any

import pytest

from engine.params.fade_time import AT_ONCE
from osc_schema import Rejected
from tests.control.commands.show_rig import BRIGHTNESS, PresetRig, published, saved


@pytest.fixture
def rig(preset_rig: PresetRig) -> PresetRig:
    return preset_rig


def test_a_take_loads_what_is_prepared_and_prepares_what_it_replaced(looks: PresetRig) -> None:
    assert "nothing is prepared" in looks.failed("/preset/take")
    looks.done("/preset/prepare", "day")
    assert looks.store.get(BRIGHTNESS) == 0.5 and looks.presets.mixer.prepared == "day"
    looks.say("/preset/take", 2.0)
    assert looks.store.get(BRIGHTNESS) == 2.0 and looks.crossfade.take_event()[1].fade is not None
    assert (looks.presets.current.name, looks.presets.mixer.prepared) == ("day", "night")
    looks.done("/preset/cut")
    assert looks.store.get(BRIGHTNESS) == 0.5 and looks.crossfade.take_event()[1].fade is None
    assert published(looks, "/preset/prepared") == [("day",), ("night",), ("day",)]
    assert ("/preset/prepared", "day") in looks.ask("/preset/list")
    looks.presets.mixer.take(AT_ONCE, name="noon")
    assert looks.presets.mixer.prepared == "day", "which was prepared while the other one waited"
    looks.done("/preset/prepare")
    assert published(looks, "/preset/prepared")[-1] == ("",)


def test_a_flash_shows_a_look_while_it_is_held_and_keeps_what_others_set(rig: PresetRig) -> None:
    saved(rig, "night", **{BRIGHTNESS: 0.5, "/layer/1/angle": 10.0})
    saved(rig, "day", **{BRIGHTNESS: 2.0, "/layer/1/angle": 20.0, "/audio/1/decay_ms": 77.0})
    saved(rig, "noon", **{BRIGHTNESS: 3.0, "/layer/1/angle": 30.0})
    rig.done("/preset/load", "night")
    rig.store.set(BRIGHTNESS, 0.7, by="hand")
    rig.done("/preset/flash", "day", 1)
    assert rig.store.get(BRIGHTNESS) == 2.0 and rig.presets.current.name == "day"
    assert rig.store.get("/audio/1/decay_ms") != 77.0, "the look alone"
    rig.store.set("/layer/1/angle", 44.0, by="hand")
    rig.done("/preset/flash", "noon", 1)
    assert rig.store.get(BRIGHTNESS) == 3.0
    rig.done("/preset/flash", "day", 0)
    assert rig.store.get(BRIGHTNESS) == 3.0, "the last one pressed is shown"
    rig.store.set("/layer/2/angle", 66.0, by="hand")
    for _ in range(2):  # released twice
        rig.done("/preset/flash", "noon", 0)
        assert [rig.store.get(at) for at in (BRIGHTNESS, "/layer/1/angle", "/layer/2/angle")] == [
            0.7,
            44.0,
            66.0,
        ]
    assert rig.presets.current.name == "night"


def test_a_look_that_is_loaded_while_a_flash_begins_is_not_lost(looks: PresetRig) -> None:
    current, begin = looks.presets.current, looks.presets.current.begin
    loading = threading.Thread(target=lambda: looks.presets.load("noon"))  # as when its beat comes

    def begin_while_another_loads(*args: Any, **more: Any) -> Any:
        current.begin = begin  # type: ignore[method-assign]
        loading.start()
        loading.join(0.2)
        return begin(*args, **more)

    current.begin = begin_while_another_loads  # type: ignore[method-assign]
    looks.done("/preset/flash", "day", 1)
    loading.join()
    looks.done("/preset/flash", "day", 0)
    assert looks.store.get(BRIGHTNESS) == 3.0 and current.name == "noon"


def by_hand(rig: PresetRig, position: float, now_s: float) -> float | None:
    """Move the crossfader and draw ten frames. Returns the mix of the prepared look, None without a
    fade."""
    rig.store.set("/preset/crossfader", position, by="midi")
    for frame in range(10):
        rig.presets.mixer.step(now_s + frame / 20)
        rig.crossfade.step(now_s + frame / 20)
    rig.event = rig.crossfade.take_event()[1]
    return None if rig.event.fade is None else rig.event.fade.mix


def test_a_hand_fades_to_what_is_prepared_and_back(rig: PresetRig) -> None:
    saved(rig, "night", **{BRIGHTNESS: 0.5, "/mirror/mode": "xy"})
    saved(rig, "day", **{BRIGHTNESS: 2.0, "/mirror/mode": "off"})
    rig.done("/preset/load", "night")
    rig.store.set(BRIGHTNESS, 0.7, by="hand")
    assert by_hand(rig, 0.2, 0.0) is None, "nothing is prepared"
    rig.done("/preset/prepare", "day")
    assert by_hand(rig, 0.6, 1.0) == pytest.approx(0.5)
    assert (rig.store.get(BRIGHTNESS), rig.store.get("/mirror/mode")) == (2.0, "off")
    assert (rig.presets.current.name, rig.presets.mixer.prepared) == ("night", "day")
    assert by_hand(rig, 0.1, 2.0) == pytest.approx(0.5)
    rig.store.set(BRIGHTNESS, 2.2, by="hand")
    assert by_hand(rig, 0.2, 3.0) is None
    assert (rig.store.get(BRIGHTNESS), rig.store.get("/mirror/mode")) == (0.7, "xy")
    assert rig.event.undone is not None
    assert by_hand(rig, 0.0, 4.0) is None
    assert (rig.store.get(BRIGHTNESS), rig.presets.current.name, rig.presets.mixer.prepared) == (
        2.0,
        "day",
        "night",
    )
    assert by_hand(rig, 0.5, 5.0) == pytest.approx(0.5), "from the end where it stands"
    rig.done("/preset/cut")
    assert (rig.presets.current.name, rig.presets.mixer.prepared) == ("night", "day")
    assert by_hand(rig, 0.5, 6.0) is None, "a cut ends it, and the next fade begins there"
    assert by_hand(rig, 0.75, 7.0) == pytest.approx(0.5)


def test_a_hand_is_superseded_by_panic_and_pauses_for_a_flash(looks: PresetRig) -> None:
    looks.done("/preset/prepare", "day")
    assert by_hand(looks, 0.5, 0.0) == pytest.approx(0.5)
    looks.done("/preset/flash", "noon", 1)
    assert by_hand(looks, 0.6, 1.0) is None and looks.store.get(BRIGHTNESS) == 3.0
    looks.done("/preset/flash", "noon", 0)
    snapshot, event = looks.crossfade.take_event()
    fade = event.fade
    assert fade is not None and (fade.before[BRIGHTNESS], snapshot[BRIGHTNESS]) == (0.5, 2.0)
    assert by_hand(looks, 0.6, 2.0) == pytest.approx(0.6)
    looks.store.set("/master/panic", True)
    panicked = looks.store.get(BRIGHTNESS)
    assert by_hand(looks, 0.0, 3.0) is None
    assert looks.store.get(BRIGHTNESS) == panicked not in (0.5, 2.0, 3.0)
    assert (looks.presets.current.name, looks.presets.mixer.prepared) == ("night", "day")
    with pytest.raises(Rejected):
        looks.store.set("/preset/crossfader", float("nan"))


def test_what_is_prepared_follows_its_file(rig: PresetRig, tmp_path: Path) -> None:
    saved(rig, "night", **{BRIGHTNESS: 0.5})
    rig.done("/preset/prepare", "night")
    saved(rig, "night", **{BRIGHTNESS: 0.9})
    rig.done("/preset/cut")
    assert rig.store.get(BRIGHTNESS) == 0.9
    rig.done("/preset/prepare", "night")
    rig.done("/preset/delete", "night")
    assert rig.presets.mixer.prepared == "" and "nothing is prepared" in rig.failed("/preset/take")
    saved(rig, "night", **{BRIGHTNESS: 0.9})
    rig.done("/preset/prepare", "night")
    (tmp_path / "night.toml").unlink()  # by another program
    assert "not found" in rig.failed("/preset/load", "noon")  # which reads the folder again
    assert rig.presets.mixer.prepared == ""
