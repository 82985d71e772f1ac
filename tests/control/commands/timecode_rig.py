"""Timecode that starts cues and leads the beat, without an engine: the test is the sender and sets
the time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.control.commands.timecode import TimecodeControl, conditions
from engine.control.foreign.midi_bridges import read_midi
from engine.dmx.artnet import read_artnet
from engine.osc.decode import Message, decode_packet
from engine.params import Tempo
from engine.values import TimecodeReading
from tests.control.commands.show_rig import CueRig

FRAME_S = 0.02


class TimecodeRig(CueRig):
    """A rig with timecode, in which the test is the bridge and the sound, too."""

    def __init__(self, folder: Path, reports: Any) -> None:
        super().__init__(folder, reports)
        for address, check in conditions():
            self.store.add_condition(address, check)
        self.tempo = Tempo(self.store, self.clock)
        self.ltc: list[TimecodeReading] = []
        self.midi: list[tuple[float, bytes]] = []
        """OSC packets of a bridge, with the time at which each arrives."""
        self.artnet: list[tuple[float, str, bytes]] = []
        """Art-Net packets, with the time at which each arrives, and its host."""
        self.control = TimecodeControl(
            self.context,
            cues=self.cues,
            take_ltc=self.take_ltc,
            sound_channels=lambda: 2,
            follow_beat=self.tempo.follow,
        )
        self.control.add_commands(self.commands)

    def take_ltc(self) -> list[TimecodeReading]:
        due = [reading for reading in self.ltc if reading.at_s <= self.clock.now_s()]
        self.ltc = self.ltc[len(due) :]
        return due

    def run(self, until_s: float) -> list[tuple[float, int]]:
        """Draw 50 pictures per second. Returns (time, number) of each cue that started."""
        started = []
        while self.clock.now_s() < until_s - FRAME_S / 2:
            self.clock.advance(FRAME_S)
            now_s = self.clock.now_s()
            while self.midi and self.midi[0][0] <= now_s:
                at_s, packet = self.midi.pop(0)
                message = decode_packet(packet)
                assert isinstance(message, Message)
                event = read_midi(message)
                assert event is not None
                self.control.on_midi(event, at_s)
            while self.artnet and self.artnet[0][0] <= now_s:
                at_s, host, packet = self.artnet.pop(0)
                reading = read_artnet(packet, host, 6454)
                assert isinstance(reading, TimecodeReading)
                self.control.artnet.append(replace(reading, at_s=at_s))
            self.messages.clear()
            self.control.step(now_s)
            for part in (self.cues, self.crossfade, self.tempo):
                part.step(now_s)
            started += [
                (round(now_s, 3), each[1]) for each in self.messages if each[0] == "/cue/current"
            ]
        return started

    def play_ltc(self, first: tuple, seconds: float, begin_s: float) -> None:
        """LTC of 25 frames per second, as the decoder gives it."""
        hours, minutes, whole, frames = first
        for n in range(round(seconds * 25)):
            number = ((hours * 60 + minutes) * 60 + whole) * 25 + frames + n
            rest, part = divmod(number, 25)
            self.ltc.append(
                TimecodeReading(
                    hours=rest // 3600, minutes=rest // 60 % 60, seconds=rest % 60, frames=part,
                    at_s=begin_s + n / 25, frame_s=0.04,
                )
            )  # fmt: skip
