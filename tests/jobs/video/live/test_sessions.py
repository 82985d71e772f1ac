"""Messages to a client, also over a slow connection."""

import asyncio
from pathlib import Path

import pytest

from engine.jobs.video.live.controls import knobs_for, started
from engine.jobs.video.live.fair_queue import FairQueue, PaintTask
from engine.jobs.video.live.protocol import REFERENCE, Frame, pack
from engine.jobs.video.live.sessions import REFERENCE_INTERVAL_S, Session
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from engine.web.serving.sockets import CloseSocket, Data
from tests.jobs.video.live.client import card, frame

START = started(Painting(spec=ModelSpec(model="any")), 64)


def test_pictures_that_arrive_too_fast_are_not_all_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = started(Painting(spec=ModelSpec(model="any", ip_adapter="any")), 64)
    knobs = knobs_for(settings, longest_side_px=64, lora_names=())

    async def talk() -> None:
        now_s = 100.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s)
        session = Session(
            FairQueue(most_clients=1, idle_s=1.0), knobs, settings, 100_000, tmp_path / "1"
        )
        for index in range(20):
            session.receive(pack(frame(index, card(), kind=REFERENCE)))
        assert session.client.number == 1
        now_s += REFERENCE_INTERVAL_S
        session.receive(pack(frame(20, card(), kind=REFERENCE)))
        assert session.client.number == 2
        assert sorted(tmp_path.iterdir()) == [tmp_path / "1-1.jpg", tmp_path / "1-2.jpg"]
        session.close()

    asyncio.run(talk())
    assert list(tmp_path.iterdir()) == []


def test_a_slow_client_hears_everything_else_between_its_pictures() -> None:
    sent: list[Data] = []

    async def talk() -> None:
        session = Session(FairQueue(most_clients=1, idle_s=1.0), (), START, 1000, Path("none"))
        source = Frame(index=1, captured_ms=0.0, width=8, height=8, jpeg=b"")
        task = PaintTask(
            client=session.client, frame=source, arrived_s=0.0, settings=START, number=0
        )

        async def send(data: Data) -> None:
            """During each send another picture is painted."""
            sent.append(data)
            assert len(sent) < 40
            session.client.deliver(task, b"a picture")
            await asyncio.sleep(0)
            if len(sent) == 5:
                session.send_line("error", "a line")
            if len(sent) == 10:
                session.end("it is over")

        await session.send_queued(send)

    with pytest.raises(CloseSocket, match="it is over"):
        asyncio.run(talk())
    texts = [data for data in sent if isinstance(data, str)]
    assert '{"error":"a line"}' in texts and any(text.startswith('{"state":') for text in texts)
    assert sent.count(b"a picture") > 4
