"""Controllers at their ports: the real parser, map, feedback and tempo, on ports that a test plugs
in and pulls."""

import math
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from engine.control.commands.mapping_feedback import REST_S
from engine.control.midi.clock_out import CLOCK, START
from engine.control.midi.messages import device_slug
from engine.control.midi.ports import SEARCH_INTERVAL_S
from engine.control.midi.system import LibremidiSystem, windows_device
from engine.errors import MultiverseError
from engine.params import Tempo
from engine.params.mtc import MtcAssembler
from engine.system.clock import SystemClock
from engine.system.installing import install_line
from tests.support.mtc_signal import quarter_frames


def test_a_knob_moves_what_it_is_mapped_to_and_the_device_belongs_to_its_name(
    open_midi: Any,
) -> None:
    rig = open_midi("KONTROL")
    rig.midi.plug("nanoKONTROL2")
    rig.midi.plug("Launchpad")
    rig.after(SEARCH_INTERVAL_S)
    assert [device.name for device in rig.ports.status().devices] == ["nanokontrol2"], (
        "only the named one"
    )
    rig.say("/map/add", "midi 1 cc 7 nanokontrol2", "/layer/1/intensity")
    rig.store.set("/layer/1/intensity", 0.5)
    rig.say("/map/set", 1, "takeover", 0)
    rig.hear("nanoKONTROL2", b"\xb0\x07\x7f")
    assert rig.store.get("/layer/1/intensity") == 1.5
    rig.hear("nanoKONTROL2", b"\x07", b"\x00")
    assert rig.store.get("/layer/1/intensity") == 0.0, "running status, in two pieces"


@pytest.mark.parametrize(
    "name",
    [
        "nanoKONTROL2",
        "2- nanoKONTROL2",
        "MIDIIN2 (nanoKONTROL2)",
        "MIDIOUT3 (4- nanoKONTROL2)",
        "2- MIDIIN2 (nanoKONTROL2",
    ],
)
def test_all_names_that_windows_gives_a_controller_are_one_device(name: str) -> None:
    """The last one is cut, as WinMM's names are after 31 characters."""
    assert device_slug(windows_device(name)) == "nanokontrol2"


def test_a_windows_port_that_libremidi_numbers_has_its_device_without_the_number() -> None:
    """As libremidi's observer_winmm.hpp lists them: no name of a device, and a name to show with a
    number."""
    listed = SimpleNamespace(
        client=0, port=0, device_name="", port_name="nanoKONTROL2", display_name="nanoKONTROL2 1"
    )
    system = LibremidiSystem.__new__(LibremidiSystem)
    system._is_jack, system._pulled = False, Counter()
    port = system._port(listed, True)
    assert (port.name, port.device) == ("nanoKONTROL2 1", "nanoKONTROL2")


def test_all_leaves_out_loops_and_synthesisers_which_their_names_open(open_midi: Any) -> None:
    no_hardware = (
        "Midi Through", "IAC Driver Bus 1", "IAC-Treiber", "loopMIDI Port",
        "Default App Loopback (A)",
        "Microsoft GS Wavetable Synth", "FLUID Synth (1234)",
    )  # fmt: skip
    rig, named = open_midi("all"), open_midi("loopMIDI")
    for each in (rig, named):
        for name in (*no_hardware, "Maniac Keys"):
            each.midi.plug(name)
        each.after(SEARCH_INTERVAL_S)
    assert [device.name for device in rig.ports.status().devices] == ["maniac_keys"]
    assert [device.name for device in named.ports.status().devices] == ["loopmidi_port"]


def test_a_controller_that_is_pulled_comes_back_with_its_lights(
    open_midi: Any, reports: Any
) -> None:
    rig = open_midi("pad")
    rig.after(SEARCH_INTERVAL_S)
    assert rig.lines == ["midi: no port is named pad (there: none); waiting for it"]
    rig.midi.plug("Launchpad")
    rig.say("/map/add", "midi 1 note 36 launchpad", "/layer/1/mute")
    rig.say("/map/add", "midi 1 note 37 other", "/layer/2/mute")
    rig.say("/layer/1/mute", 1)
    rig.after(SEARCH_INTERVAL_S)
    assert rig.lights("Launchpad") == [b"\x90\x24\x7f"], "its own light only"
    rig.midi.pull("Launchpad")
    rig.after(SEARCH_INTERVAL_S)
    assert rig.ports.status().waiting == ("pad",) and rig.ports.status().devices == ()
    assert any("launchpad is gone" in line for _, line in reports.lines), reports.lines
    rig.midi.plug("Launchpad")
    rig.after(SEARCH_INTERVAL_S + REST_S)
    assert rig.lights("Launchpad") == [b"\x90\x24\x7f"]
    rig.hear("Launchpad", b"\x90\x24\x7f")
    assert rig.store.get("/layer/1/mute") is False, "it toggles again"


def test_the_same_knob_by_a_bridge_and_by_its_port_counts_once(open_midi: Any) -> None:
    rig = open_midi("all")
    rig.midi.plug("Launchpad")
    rig.after(SEARCH_INTERVAL_S)
    rig.say("/map/add", "midi 1 note 36", "/layer/1/mute")
    for _ in range(3):  # pressed three times, and received on both ways in turns
        before = rig.store.get("/layer/1/mute")
        rig.hear("Launchpad", b"\x90\x24\x7f")
        rig.say("/note", 1, 36, 127)
        assert rig.store.get("/layer/1/mute") is not before
        rig.say("/note", 1, 36, 0)
        rig.hear("Launchpad", b"\x80\x24\x40")
        assert rig.store.get("/layer/1/mute") is not before
        rig.clock.advance(0.3)
    rig.hear("Launchpad", b"\x90\x24\x7f")
    rig.say("/midi:other:0:1/note_on", 36, 127)
    assert rig.store.get("/layer/1/mute") is not before, "another device"
    rig.hear("Launchpad", b"\x80\x24\x40")
    rig.clock.advance(0.3)
    rig.say("/note", 1, 36, 127)
    assert rig.store.get("/layer/1/mute") is before, "another press, by the bridge alone"


def test_a_drum_machine_that_is_plugged_in_while_the_clock_runs_is_started_at_the_next_bar(
    open_midi: Any,
) -> None:
    rig = open_midi("all")
    rig.store.set("/tempo/source", "manual")
    rig.midi.plug("Drums")
    rig.after(SEARCH_INTERVAL_S)
    rig.store.set("/tempo/midi_out", True)
    rig.after(2.5)
    assert rig.lights("Drums").count(START) == 1
    rig.midi.plug("Bass")
    rig.after(4.0)
    sent, others = rig.lights("Bass"), rig.lights("Drums")
    assert sent.count(START) == 1 and START not in others, "the others play on"
    since_bar = sent[sent.index(START) :].count(CLOCK) - 1
    begun = math.floor(rig.tempo.beat_at(rig.clock.now_s()) * 24) - since_bar
    assert begun % 96 in (0, 95), "on the first tick of a bar, or one that is about to be sent"


def test_too_many_messages_of_a_broken_device_are_coalesced_and_a_button_among_them_counts(
    open_midi: Any,
) -> None:
    rig = open_midi("all")
    rig.midi.plug("Launchpad")
    rig.after(SEARCH_INTERVAL_S)
    rig.say("/map/add", "midi 1 cc 7", "/layer/1/intensity")
    rig.store.set("/layer/1/intensity", 0.5)
    rig.say("/map/set", 1, "takeover", 0)
    rig.say("/map/add", "midi 1 note 36", "/layer/1/mute")
    before = rig.dispatcher.counters.messages
    rig.hear(
        "Launchpad",
        bytes((0xB0, *(byte for value in range(128) for byte in (7, value)))) * 100,
        b"\x90\x24\x7f",
    )
    assert rig.store.get("/layer/1/intensity") == 1.5 and rig.store.get("/layer/1/mute") is True
    assert rig.dispatcher.counters.messages - before < 10
    assert rig.ports.status().devices[0].left_out == 12_799


IN_JACK = """
import sys, time
from engine.control.midi.system import LibremidiSystem
system, heard, end_s = LibremidiSystem("JACK_MIDI"), [], time.perf_counter() + 60
print([(port.name, port.device, port.is_input) for port in system.ports()], flush=True)
(keys,) = [port for port in system.ports() if port.is_input]
reading = system.open_input(keys, lambda data, stamp_s: heard.append(data))
while not heard and time.perf_counter() < end_s:
    reading.poll()
print([data[1] for data in heard[:1]], [port.name for port in system.ports()], flush=True)
"""


def test_taps_on_a_pad_count_from_their_arrival_however_late_they_are_read(open_midi: Any) -> None:
    """At 124 beats per minute, each with a knob that moved before it and the release of the pad."""
    rig, first_s = open_midi("all"), time.perf_counter() - 3.0
    rig.midi.plug("Launchpad")
    rig.ports.step(first_s - 1.0)
    rig.say("/map/add", "midi 1 note 36", "/tempo/tap")
    rig.say("/map/add", "midi 1 cc 7", "/layer/1/intensity")
    rig.store.set("/tempo/source", "manual")
    tempo = Tempo(rig.store, SystemClock())
    rig.midi.takes["Launchpad"](b"\xb0\x07\x01", 4999.5)
    rig.ports.step(first_s - 0.5)
    for beat, late_s in enumerate((0.0, 0.035, 0.0, 0.018)):
        for midi, after_s in (
            (b"\xb0\x07\x40", -0.01),
            (b"\x90\x24\x7f", 0.0),
            (b"\x80\x24\x40", 0.004),
        ):
            rig.midi.takes["Launchpad"](midi, 5000.0 + beat * 60 / 124 + after_s)
        rig.ports.step(first_s + beat * 60 / 124 + 0.004 + late_s)
    assert rig.store.get("/tempo/tap") == 4
    assert tempo.bpm == pytest.approx(124.0, rel=1e-4)
    assert (tempo.beat_at(first_s) + 0.5) % 1.0 == pytest.approx(0.5, abs=1e-3)


@pytest.mark.skipif(
    not (shutil.which("jackd") and shutil.which("jack_midiseq")),
    reason="needs JACK (apt-get install jackd2)",
)
def test_the_ports_of_other_programs_are_found_and_read_over_jack(
    wait_for: Any, monkeypatch: Any
) -> None:
    name = f"multiverse-test-{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = []
    try:
        for command in (f"jackd -n {name} -r -d dummy", "jack_midiseq Keys 4800 0 60 2400"):
            started.append(subprocess.Popen(command.split(), **quiet))  # type: ignore[call-overload]
            wait_for(
                lambda: subprocess.run(["jack_lsp", "-s", name], **quiet).returncode == 0,
                "the server",
            )  # type: ignore[call-overload]
        listed = ["jack_lsp", "-s", name, "Keys"]
        wait_for(
            lambda: b"Keys" in subprocess.run(listed, capture_output=True).stdout,
            "the other program",
        )
        done = subprocess.run(
            [sys.executable, "-P", "-c", IN_JACK], capture_output=True, text=True, timeout=120
        )
    finally:
        for program in reversed(started):
            # a server that is killed stays in the list of JACK's, which has eight places
            program.terminate()
            program.wait()
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert lines == ["[('Keys:out', 'Keys', True)]", "[60] ['Keys:out']"], done


def test_without_the_library_one_line_says_how_to_get_it(
    open_midi: Any, reports: Any, monkeypatch: Any, wait_for: Any
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pylibremidi", None)
    with pytest.raises(MultiverseError, match="needs the package pylibremidi"):
        LibremidiSystem()
    rig = open_midi("all")
    rig.ports._open_system = LibremidiSystem
    rig.ports.start()
    wait_for(lambda: rig.ports.status().detail)
    rig.ports.close()
    assert reports.lines == [
        ("midi.missing", f"--midi: needs the package pylibremidi: {install_line('[midi]')}")
    ]


def test_a_port_that_fails_leaves_the_others_alone(open_midi: Any, reports: Any) -> None:
    rig = open_midi("all")
    rig.midi.broken.add("Broken")
    rig.midi.failing.add("Failing")
    for name in ("Broken", "Failing", "Launchpad"):
        rig.midi.plug(name)
    rig.after(SEARCH_INTERVAL_S)
    rig.say("/map/add", "midi 1 note 36", "/layer/1/mute")
    rig.hear("Launchpad", b"\x90\x24\x7f")
    assert rig.store.get("/layer/1/mute") is True
    rig.after(SEARCH_INTERVAL_S)
    assert rig.lights("Launchpad")[-1:] == [b"\x90\x24\x7f"]
    for name in ("Broken", "Failing"):
        assert any(f"{name}: driver error" in line for _, line in reports.lines), reports.lines
    rig.midi.broken.clear()
    rig.after(6.0)
    assert "broken" in [device.name for device in rig.ports.status().devices], "it is tried again"


def test_a_clock_by_two_ways_keeps_its_tempo_and_is_not_sent_back(open_midi: Any) -> None:
    rig = open_midi("all")
    rig.store.set("/tempo/source", "midi")
    rig.midi.plug("Drums")
    rig.midi.plug("Bass")
    rig.after(SEARCH_INTERVAL_S)
    rig.store.set("/tempo/midi_out", True)
    for _ in range(96):
        rig.clock.advance(60 / (100 * 24))
        rig.hear("Drums", b"\xf8")
        rig.say("/midi/drums/clock")
    assert rig.tempo.bpm == pytest.approx(100.0, abs=0.1)
    assert len(rig.lights("Bass")) >= 90 and rig.lights("Drums") == []


@pytest.mark.parametrize(
    "second", [("/midi/bass/0/clock", ""), ("/midi/drums/0/clock", "10.0.0.2")]
)
def test_of_two_clocks_through_bridges_the_first_leads_until_it_is_silent(
    open_midi: Any, reports: Any, second: tuple[str, str]
) -> None:
    rig = open_midi()
    rig.store.set("/tempo/source", "midi")
    (address, host), tick_s = second, 60 / (120 * 24)
    for _ in range(96):
        rig.clock.advance(tick_s / 2)
        rig.say("/midi/drums/0/clock")
        rig.clock.advance(tick_s / 2)
        rig.say(address, host=host)
    assert rig.tempo.bpm == pytest.approx(120.0, abs=0.1)
    first = "drums:0 (udp 192.0.2.1)"
    other = "bass:0 (udp 192.0.2.1)" if not host else "drums:0 (udp 10.0.0.2)"
    line = ("clocks", f"MIDI clock of {other} is left out: {first} leads until it is silent")
    assert reports.lines == [line]
    for _ in range(192):
        rig.clock.advance(60 / (90 * 24))
        rig.say(address, host=host)
    assert rig.tempo.bpm == pytest.approx(90.0, abs=0.1)
    assert reports.lines == [
        line,
        ("clocks", f"MIDI clock of {first} is silent: {other} leads now"),
    ]


def test_of_two_devices_with_timecode_through_bridges_one_is_read(
    open_midi: Any, reports: Any
) -> None:
    rig = open_midi()
    begin_s = rig.clock.now_s()
    first = [(at_s, "/midi/deck/0/MTC", data) for at_s, data in quarter_frames((1, 0, 0, 0), 20)]
    second = [
        (at_s + 0.004, "/midi/desk/0/MTC", data) for at_s, data in quarter_frames((2, 0, 0, 10), 20)
    ]
    for at_s, address, data in sorted(first + second):
        rig.clock.sleep_until(begin_s + at_s)
        rig.say(address, data)
    assembler = MtcAssembler()
    readings = [assembler.quarter_frame(event.value, at_s) for event, at_s in rig.timecodes]
    labels = [(each.hours, each.frames) for each in readings if each is not None]
    assert labels == [(1, frame) for frame in range(0, 20, 2)]
    (reported,) = reports.lines
    assert (
        "MIDI timecode of desk:0 (udp 192.0.2.1) is left out: deck:0 (udp 192.0.2.1) leads"
        in reported[1]
    )


def test_mtc_goes_out_while_it_is_switched_on(open_midi: Any) -> None:
    rig = open_midi("all")
    rig.midi.plug("Desk")
    rig.after(SEARCH_INTERVAL_S)
    rig.timecode = (60.0, 0.0, "25")
    rig.after(SEARCH_INTERVAL_S)
    assert rig.lights("Desk") == []
    rig.store.set("/timecode/midi_out", True)
    rig.after(SEARCH_INTERVAL_S)
    assert rig.lights("Desk") == [b"\xf0\x7f\x7f\x01\x01\x20\x01\x00\x00\xf7"]
