"""Fake CUDA streams and events: they record which stream gets work, by the rules of torch, without doing any."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from weakref import WeakSet

import pytest
import torch

from engine.models import device_work

POOL = 32  # torch's pool hands out so many streams of a device in turn


class RecordedCuda:
    """Replaces the stream functions of `torch.cuda`; the current device is always the first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[RecordedStream] = []
        """The stream of every event that was recorded."""
        self._current: list[RecordedStream] = []
        asked = count()

        def new_stream(device: Any = 0) -> RecordedStream:
            return RecordedStream(index_of(device), 1 + next(asked) % POOL)

        class Event:
            def __init__(event, **options: bool) -> None:
                pass

            def record(event, stream: RecordedStream | None = None) -> None:
                self.events.append(stream or self.current_stream())

            def synchronize(event) -> None:
                pass

        replaced = {
            "Stream": new_stream,
            "Event": Event,
            "CUDAGraph": RecordedGraph,
            "current_stream": self.current_stream,
            "stream": self._within,
            "device": self._on,
            "graph": self._captured,
        }
        for name, stand_in in replaced.items():
            monkeypatch.setattr(torch.cuda, name, stand_in)
        monkeypatch.setattr(device_work, "_streams", WeakSet())  # streams of two stand-ins would be equal

    def current_stream(self, device: Any = None) -> "RecordedStream":
        """The stream set last if it belongs to this device, else the device's default stream."""
        index = index_of(0 if device is None else device)
        return next((each for each in reversed(self._current) if each.index == index), RecordedStream(index, 0))

    @contextmanager
    def _within(self, stream: "RecordedStream") -> Iterator[None]:
        self._current.append(stream)
        yield
        self._current.pop()

    @contextmanager
    def _on(self, device: Any) -> Iterator[None]:
        yield

    @contextmanager
    def _captured(self, graph: "RecordedGraph", *, stream: Any = None, **options: Any) -> Iterator[None]:
        with self._within(stream or RecordedStream(0, POOL + 1)):  # torch's one default of all captures
            yield


class RecordedStream:
    """Equal if it is the same stream of the same device, like torch's."""

    def __init__(self, index: int, number: int) -> None:
        self.index, self.number = index, number

    def wait_stream(self, stream: "RecordedStream") -> None:
        pass

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedStream) and (self.index, self.number) == (other.index, other.number)

    def __hash__(self) -> int:
        return hash((self.index, self.number))


class RecordedGraph:
    def replay(self) -> None:
        pass

    def pool(self) -> object:
        return self


def index_of(device: Any) -> int:
    """The index of a device of any kind; a CPU counts as the first."""
    return device if isinstance(device, int) else torch.device(device).index or 0
