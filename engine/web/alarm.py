"""Wake a task of an event loop from any thread."""

import asyncio
import contextlib


class Alarm:
    """An event that any thread can set and one task waits for."""

    def __init__(self) -> None:
        """Create it on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._is_ringing = False

    def ring(self) -> None:
        """Wake the task. Any thread; repeated calls before the task wakes cost almost nothing."""
        if not self._is_ringing:
            self._is_ringing = True
            with contextlib.suppress(RuntimeError):  # the loop and its task have ended
                self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self) -> None:
        """Wait for `ring`. The caller must check for new data afterwards, so that none is missed."""
        await self._rung.wait()
        self._rung.clear()
        self._is_ringing = False
