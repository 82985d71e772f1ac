"""Wakes a task of an event loop from any thread."""

import asyncio
import contextlib


class Alarm:
    def __init__(self) -> None:
        """On the event loop."""
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._is_ringing = False

    def ring(self) -> None:
        """Any thread; a thousand times before the task looks cost as much as once."""
        if not self._is_ringing:
            self._is_ringing = True
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the task with it
                self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self) -> None:
        """Until it rings; whoever waits looks after this for what there is, and misses nothing."""
        await self._rung.wait()
        self._rung.clear()
        self._is_ringing = False
