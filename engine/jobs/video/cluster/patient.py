"""Taking from an iterator that may be quiet for long, by a thread that has other things to look at meanwhile."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

from engine.system.bounded_queue import WAKE_S

Item = TypeVar("Item")


def patiently(items: Iterator[Item]) -> Iterator[Item | None]:
    """Each item, and None whenever there was none for a moment. Nothing is read ahead: the thread that asks does so
    only while this is waited for. Left early, it may wait for its item for ever: that is the iterator's affair."""
    asks: queue.SimpleQueue[bool] = queue.SimpleQueue()
    answers: queue.SimpleQueue[Item | Exception | None] = queue.SimpleQueue()

    def work() -> None:
        while asks.get():
            try:
                answers.put(next(items, None))
            except Exception as error:  # the top of a thread: raised again by the one that takes
                answers.put(error)

    threading.Thread(target=work, name="video feeder", daemon=True).start()
    try:
        while True:
            asks.put(True)
            while True:
                try:
                    answer = answers.get(timeout=WAKE_S)
                    break
                except queue.Empty:
                    yield None
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                return
            yield answer
    finally:
        asks.put(False)
