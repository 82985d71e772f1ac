"""The voice from one device to another on a real sound server: its delay, and reconnecting a device."""

import sys

import numpy as np
import pytest

from tests.audio.lines import Program
from tests.audio.sound_server import RATE_HZ
from tests.support.long_form import only_soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PulseAudio through ALSA needs Linux")

CLICK = np.array([0.4, 0.8, 0.4], np.float32)
WITHIN_MS = 5.0


def clicks(seconds: float) -> np.ndarray:
    """(frames, 1): a click every 0.7 to 1 s, at irregular times, so that they can be told apart."""
    sound = np.zeros((round(seconds * RATE_HZ), 1), np.float32)
    places = np.cumsum(np.random.default_rng(1).uniform(0.7, 1.0, round(seconds)))
    for place in places[places < seconds - 0.1]:
        first = round(place * RATE_HZ)
        sound[first : first + len(CLICK), 0] = CLICK
    return sound


def places_of_clicks(sound: np.ndarray) -> np.ndarray:
    """Positions of the clicks in `sound` (frames,), to a fraction of a sample."""
    loud = np.flatnonzero(np.abs(sound) > 0.2)
    firsts = loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ // 100]
    firsts = firsts[(firsts >= 8) & (firsts < len(sound) - 16)]
    spans = firsts[:, None] + np.arange(-8, 16)
    weights = np.abs(sound[spans])
    return (spans * weights).sum(axis=1) / weights.sum(axis=1)


def delays_ms(recorded: np.ndarray) -> np.ndarray:
    """Delay of every left click that is heard on the right within 0.6 s."""
    spoken, heard = places_of_clicks(recorded[:, 0]), places_of_clicks(recorded[:, 1])
    nexts = np.searchsorted(heard, spoken)
    spoken, nexts = spoken[nexts < len(heard)], nexts[nexts < len(heard)]
    delays = (heard[nexts] - spoken) / RATE_HZ * 1000.0
    return delays[delays < 600.0]


class Listener:
    """Plays clicks on the left and measures their delay on the right."""

    def __init__(self, sound_server, wait_for) -> None:
        self._server = sound_server
        self._wait_for = wait_for

    def agrees_with(self, program: Program, wanted: int = 4) -> np.ndarray:
        """Peaks of the clicks heard, (n,), once `wanted` in a row have had the delay of the status."""
        recorder = self._server.record_stage()

        def agree() -> bool:
            delays = delays_ms(recorder.sound())[-wanted:]
            return len(delays) == wanted and bool(np.all(np.abs(delays - program.said["delay_ms"]) < WITHIN_MS))

        self._wait_for(agree, f"{wanted} clicks in a row with the delay of the status")
        sound = recorder.end()[:, 1]
        return sound[places_of_clicks(sound).astype(int)]


@pytest.fixture
def open_desk(sound_server, wait_for):
    """`open_desk(*more_outputs)`: the running program."""
    programs: list[Program] = []

    def open_with(*more_outputs: str) -> Program:
        program = Program("desk_program.py", *more_outputs, environment=sound_server.environment)
        programs.append(program)
        wait_for(lambda: program.said, "the desk")
        return program

    yield open_with
    for program in programs:
        assert program.close() == 0


# Takes ten seconds: two until PulseAudio plays, two to measure the devices, and the clicks.
@only_soak
def test_the_delay_matches_the_status_also_while_another_output_is_replugged(sound_server, open_desk, wait_for) -> None:
    sound_server.start_away(wait_for)
    program = open_desk("awayout")
    listener = Listener(sound_server, wait_for)
    sound_server.play(clicks(60.0), "stage", "front-left")
    wait_for(lambda: 0.0 < program.said["device_ms"] < 300.0, "the devices to be measured")
    assert program.said["description"].startswith("device 'stageright' (2 channels")
    assert np.all(listener.agrees_with(program, 2)[-2:] < -0.1)  # the conversion, which is inverted
    program.tell(values={"/rvc/monitor": 0.0})
    sound_server.kill_away()
    assert np.all(listener.agrees_with(program, 2)[-1:] > 0.1)  # the voice itself, at the same time
    wait_for(lambda: program.said["outputs"] == ["lost"], "the loss to be noticed")
    assert [report for report in program.said["reports"] if "'awayout' is lost" in report]

    sound_server.start_away(wait_for)
    wait_for(lambda: program.said["outputs"] == ["playing"], "the device to be back")
    recorder = sound_server.record_away()
    wait_for(lambda: len(places_of_clicks(recorder.sound()[:, 0])) >= 1, "a click")
    assert np.abs(np.diff(recorder.end(), axis=1)).max() < 1e-6  # both sides equal
    assert not [report for report in program.said["reports"] if "'stage" in report and "lost" in report]


@only_soak
def test_all_streams_reconnect_after_the_server_was_killed(sound_server, open_desk, wait_for) -> None:
    program = open_desk()
    sound_server.kill()
    wait_for(lambda: program.said["output"] == program.said["input"] == program.said["other"] == "lost", "the loss")
    sound_server.start(wait_for)
    wait_for(lambda: "lost" not in (program.said["output"], program.said["input"]), "both devices to be back")
    sound_server.play(clicks(60.0), "stage", "front-left")
    Listener(sound_server, wait_for).agrees_with(program, 2)


# Takes four seconds: the sink wakes up, and a polled stream counts as lost after a second without sound.
def test_a_polled_stream_plays_captures_and_reports_its_loss(sound_server, wait_for) -> None:
    program = Program("polled_program.py", environment=sound_server.environment)
    try:
        wait_for(lambda: program.said.get("rms", [0, 0])[1] > 0.3, "the tone")
        assert program.said["rms"] == pytest.approx([0.0, 0.5 / np.sqrt(2)], abs=0.02)
        assert 0.0 < program.said["lead_s"] <= 0.1
        assert 0.0 < program.said["age_s"] <= 0.1
        sound_server.kill()
        wait_for(lambda: "lost" in program.said, "the loss")
    finally:
        assert program.close() == 0
