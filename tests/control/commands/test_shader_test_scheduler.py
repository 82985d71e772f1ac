"""Which shaders are tested when: before they are chosen, once per machine, and never in the way of
a chosen one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control import Reply
from engine.control.commands.shader_test_scheduler import IDLE_AFTER_S
from engine.system.disk_store import DiskStore
from tests.control.commands.shader_rig import Rig, shader

WaitFor = Callable[..., Any]
OpenRig = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "isf"
    folder.mkdir()
    return folder


@pytest.fixture
def open_rig(
    folder: Path, reports: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenRig]:
    """`open_rig(own_folder=None)`: a run with records; close it with `rig.control.close()`."""
    monkeypatch.setattr("engine.params.shader_catalog.POLL_S", 0.02)
    rigs = []

    def open_rig(own_folder: Path | None = None) -> Rig:
        records = DiskStore(reports).open("records", folder.parent / "records")
        rig = Rig(folder, reports, records=records, own_folder=own_folder)
        rigs.append((rig, records))
        wait_for(lambda: rig.control.catalog.has_read_all, "the scan")
        return rig

    yield open_rig
    for rig, records in rigs:
        rig.control.close()
        records.close()


def choose(rig: Rig, name: str, wait_for: Any) -> None:
    rig.store.set("/fx/1/file", name, by="test")
    rig.frame()
    wait_for(lambda: rig.is_playing(name), f"{name} in the slot")


def records_in(folder: Path) -> list[Path]:
    return list((folder.parent / "records").glob("*.json"))


def test_a_shader_that_passed_in_an_earlier_run_just_plays(
    open_rig: OpenRig, folder: Path, wait_for: Any
) -> None:
    (folder / "Glow.fs").write_text(shader())
    first = open_rig()
    choose(first, "Glow", wait_for)
    wait_for(lambda: records_in(folder), "the record")
    first.control.close()
    second = open_rig()
    choose(second, "Glow", wait_for)
    assert len(first.tester.texts) == 1 and second.tester.texts == []
    assert second.control.pictures["Glow"].shape == (36, 64, 3)


def test_a_file_put_into_the_folder_is_tested_in_advance(
    open_rig: OpenRig, folder: Path, wait_for: Any
) -> None:
    (folder / "Glow.fs").write_text(shader())
    rig = open_rig()
    wait_for(lambda: rig.tester.is_warm, "the process, which is ready")
    rig.write("New", shader())
    wait_for(lambda: "New" in rig.control.pictures, "its picture")
    choose(rig, "New", wait_for)
    assert len(rig.tester.texts) == 1


def test_a_large_folder_is_tested_once_somebody_requests_the_list(
    open_rig: OpenRig, folder: Path, wait_for: Any
) -> None:
    (folder / "Glow.fs").write_text(shader())
    (folder / "Broken.fs").write_text(shader(more="#error"))
    rig = open_rig()
    rig.clock_s = IDLE_AFTER_S + 1.0
    wait_for(lambda: rig.tester.is_warm, "the process, which is ready")
    assert rig.tester.texts == []
    rig.control._on_list(Reply("/fx/list", lambda packet: None))
    wait_for(lambda: len(rig.tester.texts) == 2 and "Glow" in rig.control.pictures, "both tests")
    assert set(rig.control.pictures) == {"Glow"} and rig.state() == "off"


def test_a_shader_that_somebody_waits_for_is_tested_first_with_a_share_of_a_busy_machine(
    open_rig: Any, folder: Path, wait_for: Any
) -> None:
    for name in ("Running", "Earlier", "Newest"):
        (folder / f"{name}.fs").write_text(shader(more=f"// {name}"))
    rig = open_rig()
    rig.tester.may_answer.clear()
    rig.write("Library", shader(more="// Library"))
    wait_for(lambda: rig.tester.texts, "the test in advance")
    prepared = rig.control._prepared
    for count, name in enumerate(("Running", "Earlier", "Newest"), start=1):
        rig.control.awaited_by({"/fx/1/file": name, "/fx/1/enable": True})
        wait_for(
            lambda count=count: (
                len(prepared) == count and all(each.text for each in prepared.values())
            ),
            name,
        )
        wait_for(
            lambda: len(rig.tester.texts) == 2,
            "the first one, before the test in advance has ended",
        )
    rig.tester.may_answer.set()
    wait_for(
        lambda: len(rig.tester.texts) == 5 and not rig.control._testing.is_running, "all of them"
    )
    order = [text.rpartition("// ")[2] for text in rig.tester.texts]
    assert order == ["Library", "Running", "Newest", "Earlier", "Library"]
    assert [number > 10 for number in rig.tester.niceness] == [False, True, True], (
        "the user's are kept ready"
    )


def test_a_prepared_shader_that_cannot_be_shown_is_a_fault_before_it_is_on_air(
    open_rig: OpenRig, folder: Path, wait_for: Any
) -> None:
    for name, text in {
        "Broken": shader(more="#error"), "Slow": shader(more="// slow"), "Effect": shader(),
        "Good": shader(2.0),
    }.items():  # fmt: skip
        (folder / f"{name}.fs").write_text(text)
    rig = open_rig()
    for slot, name, reason in (
        ("1", "Broken", "line 9: 'glow' : undeclared"),
        ("1", "Slow", "its test took 500 ms of the 17 ms of a frame; it will be bypassed"),
        ("generator", "Effect", "is an effect (it needs inputImage)"),
    ):
        rig.prepare(slot, name)
        wait_for(lambda name=name: rig.control.fault_of(name), f"the fault of {name}")
        assert rig.control.fault_of(name).startswith(f"{name}: {reason}"), rig.control.fault_of(
            name
        )
    rig.prepare("1", "Good")
    wait_for(lambda: rig.player.upcoming, "the good one")
    assert rig.control.fault_of("Good") == ""
    choose(rig, "Slow", wait_for)
    wait_for(
        lambda: rig.control.fault_of("Slow") == "", "no fault on air, where frames measure its cost"
    )
    wait_for(lambda: len(records_in(folder)) >= 3, "the records")
    rig.control.close()
    later = open_rig()
    later.prepare("1", "Slow")
    wait_for(
        lambda: "500 ms" in later.control.fault_of("Slow"),
        "the fault from its record, without a test",
    )
    assert later.tester.texts == []
