"""The newest JPEG, for any number of viewers. Event loop only."""

import asyncio


class Broadcast:
    """Each viewer gets the newest picture when it is ready for one; none waits for another."""

    def __init__(self) -> None:
        self._jpeg = b""
        self._published = asyncio.Event()
        self.serial = 0
        """Counts published pictures."""

    def publish(self, jpeg: bytes) -> None:
        self._jpeg = jpeg
        self.serial += 1
        self._published.set()
        self._published = asyncio.Event()

    async def next_after(self, serial: int) -> tuple[int, bytes]:
        """(serial, JPEG) of the newest picture, once it is newer than `serial`."""
        while self.serial <= serial:
            await self._published.wait()
        return self.serial, self._jpeg
