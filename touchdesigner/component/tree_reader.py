"""Reads the running engine's OSCQuery tree in a thread, without blocking a frame."""

import json
import threading
import urllib.request
from typing import Any

TIMEOUT_S = 3.0


class TreeReader:
    """Reads the OSCQuery tree of a running engine on a thread. Call `start` and `take_result` on
    TouchDesigner's thread; the reading thread touches no operator."""

    def __init__(self) -> None:
        self._result: dict[str, Any] | str | None = None
        self._thread: threading.Thread | None = None

    def start(self, host: str, port: int, token: str) -> None:
        """Start reading; does nothing while a read is running."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._read, args=(host, port, token), daemon=True
            )
            self._thread.start()

    def take_result(self) -> dict[str, Any] | str | None:
        """The tree or an error line, returned once; None if there is no result."""
        result = self._result
        self._result = None
        return result

    def _read(self, host: str, port: int, token: str) -> None:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        request = urllib.request.Request(url, headers={"Accept": "application/json"})
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            # No proxy: the engine is on this machine or in the local network.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=TIMEOUT_S) as response:
                tree = json.load(response)
            self._result = tree if isinstance(tree, dict) else f"{url}: is not an OSCQuery server"
        except (OSError, ValueError) as error:
            self._result = f"{url}: {error}"
