"""Closing an engine: all parts asked first, closed in reverse order, with one deadline."""

import logging
import threading

import pytest

from engine.system.closing import Closing


class Part:
    def __init__(self, name: str, events: list[str]) -> None:
        self.name, self.events = name, events

    def close(self) -> None:
        self.events.append(f"close {self.name}")


class Slow(Part):
    """Ends on its own thread after it was asked to, but not before all others were asked, too."""

    def __init__(self, name: str, events: list[str], all_stopping: threading.Barrier) -> None:
        super().__init__(name, events)
        self.thread = threading.Thread(target=all_stopping.wait)

    def ask_to_end(self) -> None:
        self.events.append(f"ask {self.name}")
        self.thread.start()

    def close(self) -> None:
        self.thread.join()
        super().close()


class Hung(Part):
    def __init__(self, name: str, events: list[str]) -> None:
        super().__init__(name, events)
        self.answer = threading.Event()

    def close(self) -> None:
        self.answer.wait()
        super().close()


def test_all_parts_are_signalled_to_end_before_any_wait_and_closed_in_reverse_order() -> None:
    events: list[str] = []
    all_stopping = threading.Barrier(3)
    with Closing() as closing:
        for part in (
            Part("a", events),
            *(Slow(name, events, all_stopping) for name in "bcd"),
            Part("e", events),
        ):
            assert closing(part) is part
    assert events == [
        "ask d",
        "ask c",
        "ask b",
        "close e",
        "close d",
        "close c",
        "close b",
        "close a",
    ]


def test_hung_parts_share_one_deadline_are_named_and_do_not_keep_the_others_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events: list[str] = []
    disks = [Hung("disk", events) for _ in range(3)]
    with caplog.at_level(logging.WARNING), Closing(max_s=0.2) as closing:
        closing(Part("first", events))
        for disk in disks:
            closing(disk)
        closing(Part("last", events))
    assert events == ["close last", "close first"]
    assert caplog.messages == ["Hung has not ended within 0.2 s; it will end with the process"] * 3
    for disk in disks:
        disk.answer.set()


def test_a_part_that_belongs_to_a_thread_is_closed_on_it_and_an_error_does_not_stop_the_others() -> (
    None
):
    events: list[str] = []

    class Here(Part):
        def close(self) -> None:
            self.events.append(threading.current_thread().name)

    class Broken(Part):
        def close(self) -> None:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"), Closing() as closing:
        closing.here(Here("context", events))
        closing(Part("first", events))
        closing(Broken("broken", events))
        closing(Part("last", events))
    assert events == ["close last", "close first", threading.current_thread().name]
