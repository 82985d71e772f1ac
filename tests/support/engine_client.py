"""A drawing engine, and a client that controls it over a real UDP socket."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine import Engine, open_engine
from engine.config import build_config
from engine.osc.decode import Message
from engine.osc.encode import encode_message
from tests.support.reading_client import ReadingClient
from tests.support.slow_sound import slow_sound

CEILING_S = 120.0


class EngineClient:
    """A client and the engine that it controls; the engine draws on its own thread."""

    def __init__(self, engine: Engine, client: ReadingClient) -> None:
        self.engine = engine
        self.client = client

    def ask(self, address: str, *args: object) -> list[Message]:
        """Send a command. Returns all messages up to its own /done or /fail."""
        self.client.send(encode_message(address, *args))
        answers = self.answers_up_to("/done", "/fail")
        while answers[-1].args[0] != address:  # of a command that was sent before
            answers += self.answers_up_to("/done", "/fail")
        return answers

    def answers_up_to(self, *addresses: str) -> list[Message]:
        """All messages up to the first one with one of these addresses. Heartbeats do not extend
        the timeout."""
        end_s = time.perf_counter() + CEILING_S
        answers = [self.answer()]
        while answers[-1].address not in addresses:
            assert time.perf_counter() < end_s, f"no {' or '.join(addresses)}"
            answers.append(self.answer())
        return answers

    def answer(self) -> Message:
        message = self.client.receive(timeout_s=CEILING_S)
        assert message is not None, "no answer"
        return message

    def done(self, address: str, *args: object) -> tuple:
        answer = self.ask(address, *args)[-1]
        assert answer.address == "/done", answer
        return answer.args

    def failed(self, address: str, *args: object) -> str:
        answer = self.ask(address, *args)[-1]
        assert answer.address == "/fail", answer
        assert answer.args[0] == address
        return str(answer.args[1])

    def hear(self, address: str) -> tuple:
        """The arguments of the next message to `address`."""
        return self.answers_up_to(address)[-1].args


@contextlib.contextmanager
def open_client(
    folder: Path, *, plays_sound: bool = False, **changes: Any
) -> Iterator[EngineClient]:
    """An engine with files in `folder` that draws 64 x 64 pixels at 20 fps; its sound is
    `slow_sound` by default."""
    config = build_config(
        {
            "width": 64, "height": 64, "fps": 20.0, "audio": "demo",
            "osc": {"listen": "127.0.0.1:0"},
            "presets": str(folder / "presets"), "recordings": str(folder / "recordings"),
            "renderer": "numba",
        }
        | changes
    )  # fmt: skip
    opened = threading.Event()
    engines: list[Engine] = []

    def play() -> None:
        with open_engine(config, sound=None if plays_sound else slow_sound()) as engine:
            engines.append(engine)
            opened.set()
            engine.run()

    thread = threading.Thread(target=play)
    thread.start()
    assert opened.wait(120.0)
    client = ReadingClient(*engines[0].osc_address)
    try:
        yield EngineClient(engines[0], client)
    finally:  # else a test that fails leaves an engine that keeps the process alive
        engines[0].stop()
        thread.join(120.0)
        client.close()
    assert not thread.is_alive()
