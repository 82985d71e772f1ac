"""Tests a show as on a stage: OSC, an open page, looks that fade, a recording; in the long form a
model that is killed.

The long form is the same on every system, so that its gaps can be compared.
"""

import json
import random
import re
import threading
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil

from engine.osc.encode import encode_message
from engine.params.looks import LOOKS
from tests.jobs.segment.disc_movie import pictures_of
from tests.support.long_form import IS_SOAK
from tests.support.reading_client import ReadingClient
from tests.test_hostile_show import (
    FADERS,
    RATE_HZ,
    end_watching,
    press_ctrl_c,
    running_show,
    wait_for_answer,
    watcher,
    with_model,
)
from tests.web.socket_client import SocketClient

SECONDS, KILL_EVERY_S = (600.0, 20.0) if IS_SOAK else (3.0, 20.0)
# from Ctrl-C to the end, of the long form: other tests share the machine with the short one
END_S = 5.0


def test_a_played_show_with_an_open_page_and_a_recording_loses_no_picture(tmp_path: Path) -> None:
    """Of the long form's model, each process that is killed is followed by one that paints."""
    more = (
        "--fps",
        "30",
        "--web",
        "127.0.0.1:0",
        "--sink",
        "record=show.mp4",
        *with_model(tmp_path),
    )
    with running_show(tmp_path, *more) as (process, client), watcher(tmp_path) as watching:
        with closing(Page((tmp_path / "log.txt").read_text(encoding="utf-8"))) as page:
            painted = play(client, page)
            client.send(encode_message("/sync", 7))
            wait_for_answer(client, "/synced")
            seen, status = end_watching(watching), page.status()
            began_s = time.perf_counter()
            press_ctrl_c(process)
            assert process.wait(120.0) == 0
        took_s = time.perf_counter() - began_s
    figures = (
        f"longest gaps: {seen['gaps']}, kills at {painted}, latency_ms: {status['latency_ms']}"
    )
    print(f"pictures: {seen['pictures']}, {figures}, end in {took_s:.1f} s")
    log = (tmp_path / "log.txt").read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in log and page.pictures > 0 and page.values > 0
    sinks = {sink["name"]: (sink["dropped"], sink["state"]) for sink in status["sinks"]}
    assert {"hostile", "show.mp4"} <= sinks.keys() and set(sinks.values()) == {(0, "running")}
    assert [child["restarts"] >= len(painted) - 1 > 3 for child in status["children"]] == [
        True
    ] * IS_SOAK
    recorded = len(pictures_of(tmp_path / "show.mp4"))
    assert re.findall(r"^frames +(\d+) of", log, re.MULTILINE) == [str(recorded)]
    assert took_s < END_S or not IS_SOAK


def play_looks(client: ReadingClient, seconds: float, chance: random.Random) -> None:
    """Send RATE_HZ messages per second: faders at random, and a preset every three seconds, most of
    which fade."""
    started_s, number = time.perf_counter(), 0
    while (now_s := time.perf_counter() - started_s) < seconds:
        if number % round(3 * RATE_HZ) == 0:
            client.send(
                encode_message(
                    "/preset/load", chance.choice(list(LOOKS)), chance.choice([0.0, 1.0, 2.5])
                )
            )
        else:
            param = chance.choice(FADERS)
            client.send(encode_message(param.address, chance.uniform(param.low, param.high)))
        number += 1
        time.sleep(max(0.0, number / RATE_HZ - now_s))


def play(client: ReadingClient, page: "Page") -> list[int]:
    """Play looks and faders, and every KILL_EVERY_S kill the model's process if it has painted:
    killed while it loads, the model would count as broken. Returns its pictures before each
    time."""
    painted, chance = [], random.Random(1)
    started_s = time.perf_counter()
    while (left_s := SECONDS - (time.perf_counter() - started_s)) > 0:
        play_looks(client, min(left_s, KILL_EVERY_S), chance)
        for child in page.status()["children"]:
            if (
                child["pid"]
                and child["state"] == "busy"
                and child["results"] > max(painted, default=0)
            ):
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(child["pid"]).kill()
                    painted.append(child["results"])
    return painted


class Page:
    """What an open page reads: its pictures and its values."""

    def __init__(self, log: str) -> None:
        found = re.search(r"^page +http://(127\.0\.0\.1):(\d+)", log, re.MULTILINE)
        assert found is not None, log
        self._url = f"http://{found[1]}:{found[2]}"
        self._live = SocketClient((found[1], int(found[2])), "/live")
        self._stream = urllib.request.urlopen(f"{self._url}/stream.mjpg", timeout=120.0)
        self.pictures = self.values = 0
        for read in (self._read_values, self._read_pictures):
            threading.Thread(target=read, daemon=True).start()

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self._url}/status.json", timeout=120.0) as answer:
            return dict(json.load(answer))

    def close(self) -> None:
        self._live.close()
        self._stream.close()

    def _read_values(self) -> None:
        with suppress(OSError):
            while self._live.read():
                self.values += 1

    def _read_pictures(self) -> None:
        boundary = f"--{self._stream.headers.get_boundary()}\r\n".encode()
        with suppress(OSError, ValueError):
            while line := self._stream.readline():
                self.pictures += line == boundary
