"""The control map over OSC: learns, lists, edits and stores what foreign messages do.

    message ─► read_midi ─┬─► clock ticks ─► tempo
                          ├─► MTC ─► timecode (of ports of the engine: `take_time`)
                          └─► movements ─┬─► learner
                                         ├─► the map ─► our own messages
                                         └─► feedback: the control is being moved

Mapped controls keep working while a new one is learned. The movement that is learned has no effect
itself, so that a cue can be assigned to a pad during the show. Learning times out if nothing moves.
After the start only the disk store's threads use the disk.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import osc_schema
from engine.control import CommandTable, Reply
from engine.control.commands import CommandContext
from engine.control.commands.mapping_feedback import MapFeedback
from engine.control.foreign.midi_bridges import read_midi
from engine.control.outgoing.sender import host_of
from engine.errors import MappingError
from engine.osc.decode import Message, printable
from engine.params.mapping.built_in_maps import (
    BUILT_IN,
    built_in,
    is_built_in,
    is_from,
    map_of_root,
)
from engine.params.mapping.control_map import ControlMap
from engine.params.mapping.controls import (
    MAX_CHARACTERS,
    TIMECODE_KINDS,
    Control,
    MidiEvent,
    Movement,
)
from engine.params.mapping.entry import NUMERIC, MapEntry, make_entry, with_change
from engine.params.mapping.learner import Learner
from engine.params.mapping.map_file import LoadedMap, map_text, read_map, read_tables
from engine.params.mapping.movement_reader import MovementReader
from engine.params.mapping.routes import BRIDGE, OneClock, TwoWays, device_of
from engine.system.file_names import clean_name
from engine.system.plain_text import some_of
from engine.system.stored_file import StoredFile
from engine.system.telemetry import report_problems
from osc_schema.mapping import KEYS

FILE_NAME = "mapping.toml"
MAPS_FOLDER = "maps"
"""Folder of the named maps, beside the map's file."""
SUFFIX = ".toml"

LEARN_TIMEOUT_S = 60.0
MAX_IGNORED = 256
_NUMBERS = frozenset("fihdTFNI")

StartTimer = Callable[[float, Callable[[], None]], Callable[[], None]]
"""`start_timer(seconds, ended)` calls `ended()` after that time, on any thread; returns a function
that cancels it."""


def start_timer(seconds: float, ended: Callable[[], None]) -> Callable[[], None]:
    timer = threading.Timer(seconds, ended)
    timer.daemon = True
    timer.start()
    return timer.cancel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LearnRequest:
    target: str
    argument: str
    mode: str
    """The mode to map with, whatever the control is; "": as the control suggests."""
    reply: Reply
    stop_timer: Callable[[], None]


class MapControl:
    """The control map and its commands. `translate` and the commands on OSC's threads."""

    def __init__(
        self,
        context: CommandContext,
        path: Path,
        *,
        names: Iterable[str] = (),
        clock: Mapping[str, Callable[[float], None]],
        feedback: MapFeedback,
        mappable: Callable[[str], tuple[str, str]] = lambda target: (target, ""),
        start_timer: StartTimer = start_timer,
        on_timecode: Callable[[MidiEvent, float], None] = lambda event, now_s: None,
        on_song_position: Callable[[int], None] = lambda sixteenths: None,
        unmapped: Callable[[MidiEvent], tuple[Message, ...] | None] = lambda event: None,
    ) -> None:
        """Reads the map; `path` need not exist. MappingError if it is not a map, or a named map
        does not exist.

        `names`: maps to add; an entry is left out if the file has one for its control and target.
        `clock`: handlers for MIDI's `clock`, `start`, `continue` and `stop`, called with the time.
        `on_timecode(event, now_s)` gets MTC, `on_song_position` sixteenths. `feedback` gets entries
        and movements. `unmapped(event)`: the messages of a control of a port that is not in the
        map, or None if it has none. `mappable(target)`: the parameter to map for the name of a
        shader's input, and the mode; else the target and ""."""
        self._store = context.store
        self._notify = context.notify
        self._report = context.report
        self._folder = path.parent / MAPS_FOLDER
        self._clock = clock
        self._on_timecode = on_timecode
        self._on_song_position = on_song_position
        self._unmapped = unmapped
        self.leading_clock = OneClock("MIDI clock", context.report)
        self._leading_timecode = OneClock("MIDI timecode", context.report)
        self._two_ways = TwoWays()
        self._feedback = feedback
        self._start_timer = start_timer
        self._mappable = mappable
        self._lock = threading.Lock()  # messages and commands come on different threads
        self._map = ControlMap()
        self._movements = MovementReader()
        self._learner = Learner()
        # typing errors, perhaps of a program
        self._ignored: deque[tuple[Message, float]] = deque(maxlen=MAX_IGNORED)
        self._learn_request: _LearnRequest | None = None
        self._has_reported_unmapped_midi = False
        self._names: tuple[str, ...] = tuple(BUILT_IN)
        self._list_maps()
        loaded = self._report_problems(read_map(path), str(path))
        self._unread = loaded.unread
        self._map.add_all(loaded.entries)
        for name in names:
            named = self._report_problems(self._load(name), f"map {name}").entries
            known = {
                (entry.control, entry.target) for entry in loaded.entries if entry not in named
            }
            new = [entry for entry in named if (entry.control, entry.target) not in known]
            # Replaces the entries that an earlier run added, perhaps for other layers.
            self._map.add_all(new, instead_of=partial(is_from, name))
        feedback.set_entries(self._map.entries)
        self._file = StoredFile(path, "map", MappingError)
        self._saved: tuple[MapEntry, ...] | None = None
        self._disk = context.disk.open("map", path.parent)
        # It may be a network folder that hangs.
        self._named_maps = context.disk.open("map", self._folder, poll=self._list_maps)

    def close(self) -> None:
        """Write the last changes, unless the disk does not answer."""
        with self._lock:
            self._end_learning()
        self._disk.close()
        self._named_maps.close()

    def add_commands(self, table: CommandTable) -> None:
        table.add("/map/learn", self._on_learn)
        table.add("/map/cancel", self._on_cancel)
        table.add("/map/list", self._on_list, is_listing=True)
        table.add("/map/add", self._on_add)
        table.add("/map/set", self._on_set)
        table.add("/map/delete", self._on_delete)
        table.add("/map/clear", self._on_clear)
        table.add("/map/load", self._on_load)
        table.add("/map/save", self._on_save)

    def waiting(self, now_s: float) -> dict[str, float]:
        """Faders that wait for pickup, as `ControlMap.waiting` lists them. Any thread; takes no
        lock."""
        return self._map.waiting(now_s)

    # -- incoming messages ---------------------------------------------------------------------

    def translate(
        self, message: Message, sender_name: str, now_s: float
    ) -> tuple[Message, ...] | None:
        """Our messages that a foreign message is mapped to, or None if it is not mapped. Never None
        for MIDI."""
        event = read_midi(message)
        if event is not None and self.take_time(event, sender_name, now_s):
            return ()
        with self._lock:
            if event is None:
                movements = self._movements.of_osc(message)
            elif self._two_ways.is_repeat(event, device_of(sender_name), now_s):
                return ()
            else:
                movements = self._movements.of_midi(event, now_s)
            sent_to = self._feedback.note_movements(movements, now_s)
            messages = self._map.apply(movements, self._store.get, now_s, sent_to)
            is_learning = self._learn_request is not None
            learned = self._learn(movements, now_s)
        if learned is not None:
            self._answer(*learned)
        if messages is not None:
            return messages
        may_tell = not is_learning and device_of(sender_name) != BRIDGE
        if event is not None and may_tell and (messages := self._unmapped(event)) is not None:
            return messages
        if event is not None and movements and not is_learning:
            self._on_unmapped_midi(movements[0], sender_name)
        # While learning, a message that moves nothing may still be a mistake.
        return () if event is not None or (is_learning and bool(movements)) else None

    def ignores(self, message: Message, now_s: float) -> bool:
        """True if nothing is mapped to the message's address and nothing is being learned. The next
        `/map/learn` reads the last MAX_IGNORED of them, to detect what moves all the time. OSC's
        threads."""
        with self._lock:
            if (
                self._learn_request is not None
                or "m" in message.type_tags
                or self._map.is_mapped(message.address)
            ):
                return False
            if _NUMBERS.issuperset(message.type_tags) and len(message.address) <= MAX_CHARACTERS:
                self._ignored.append((message, now_s))
        return True

    def take_time(self, event: MidiEvent, sender_name: str, now_s: float) -> bool:
        """Execute a message of a clock or of timecode that arrived at `now_s`; False if it is
        another one.

        Also called on the MIDI thread."""
        if event.kind in self._clock or event.kind == "song_position":
            if self.leading_clock.counts(_clock_of(event, sender_name), now_s):
                if event.kind == "song_position":
                    self._on_song_position(event.value)
                else:
                    self._clock[event.kind](now_s)
            return True
        if event.kind in TIMECODE_KINDS:
            if self._leading_timecode.counts(_clock_of(event, sender_name), now_s):
                self._on_timecode(event, now_s)
            return True
        return False

    def map_for(self, root: str) -> str | None:
        """The built-in map of the program whose addresses begin with `root`, or None; "" if some
        are mapped already.

        Takes no lock: the map replaces its table of roots as a whole."""
        return map_of_root(root, self._map.has_root)

    def is_mapped(self, address: str) -> bool:
        with self._lock:
            return self._map.is_mapped(address)

    def addresses(self) -> frozenset[str]:
        """The mapped OSC addresses, patterns included; the same object until the map changes. Takes
        no lock."""
        return self._map.addresses

    def controls(self) -> Mapping[Control, bool]:
        """The mapped controls; True for those with feedback. Takes no lock."""
        return self._map.controls

    def _learn(
        self, movements: list[Movement], now_s: float
    ) -> tuple[_LearnRequest, MapEntry | None, str] | None:
        """Pass movements to the learner. If one completes a `/map/learn`, return it with its entry
        or the error.

        The caller holds the lock, and answers after releasing it."""
        for movement in movements:
            learned = self._learner.process(movement, now_s)
            request = self._learn_request
            if learned is None or request is None:
                continue
            self._end_learning()
            control, mode = learned
            try:
                entry = _entry(control.name, request.target, request.argument, request.mode or mode)
                self._map.add(
                    entry, last_value=movement.value if movement.control == control else None
                )
            except (MappingError, osc_schema.Rejected) as error:
                return request, None, str(error)
            return request, entry, ""
        return None

    def _answer(self, request: _LearnRequest, entry: MapEntry | None, failure: str) -> None:
        if entry is None:
            request.reply.fail(failure)
            return
        self._on_changed()
        request.reply.done(request.target, entry.control.name, entry.mode)

    def _on_unmapped_midi(self, movement: Movement, sender_name: str) -> None:
        """Report unmapped MIDI once per run, not for every key that is played."""
        if not self._has_reported_unmapped_midi:
            self._has_reported_unmapped_midi = True
            control = f"{movement.control.name} (from {sender_name})"
            self._report(
                "map.unmapped",
                f"{control} is not mapped; /map/learn ADDRESS maps the control that moves next",
            )

    # -- commands ------------------------------------------------------------------------------

    def _on_learn(self, reply: Reply, target: str, argument: str) -> None:
        target, mode = self._mappable(target)
        entry = _entry("osc /anything", target, argument)
        stop_timer = self._start_timer(LEARN_TIMEOUT_S, lambda: self._on_nothing_moved(request))
        request = _LearnRequest(
            target=target, argument=argument, mode=mode, reply=reply, stop_timer=stop_timer
        )
        with self._lock:
            superseded = self._end_learning()
            self._learn_request = request
            while self._ignored:
                ignored, received_s = self._ignored.popleft()
                for movement in self._movements.of_osc(ignored):
                    self._learner.process(movement, received_s)
            self._learner.begin(
                may_turn=not mode and entry.param is not None and entry.param.type in NUMERIC
            )
        if superseded is not None:
            superseded.reply.fail("superseded", is_logged=False)

    def _on_nothing_moved(self, request: _LearnRequest) -> None:
        """Time out a `/map/learn`. The timer's thread."""
        with self._lock:
            if self._learn_request is not request:  # it has just ended
                return
            self._end_learning()
        request.reply.fail(f"nothing moved for {LEARN_TIMEOUT_S:g} s", is_logged=False)

    def _on_cancel(self, reply: Reply) -> None:
        with self._lock:
            request = self._end_learning()
        if request is not None:
            request.reply.fail("cancelled", is_logged=False)
        reply.done()

    def _end_learning(self) -> _LearnRequest | None:
        """End and return the running `/map/learn`, if there is one. The caller holds the lock."""
        request = self._learn_request
        self._learn_request = None
        self._learner.end()
        if request is not None:
            request.stop_timer()
        return request

    def _on_list(self, reply: Reply) -> None:
        with self._lock:
            entries = self._map.entries
        for number, entry in enumerate(entries, start=1):
            values = entry.values()
            reply.send("/map/entry", number, *(values[key] for key in KEYS))
        for name in self._names:
            reply.send("/map/name", name)
        reply.done()

    def _on_add(self, reply: Reply, control: str, target: str, argument: str) -> None:
        target, mode = self._mappable(target)
        entry = _entry(control, target, argument, mode)
        with self._lock:
            number = self._map.add(entry)
        self._on_changed()
        reply.done(number)

    def _on_set(self, reply: Reply, number: int, key: str, value: str | float) -> None:
        if key == "target" and isinstance(value, str):
            value, _ = self._mappable(value)
        with self._lock:
            self._map.replace(number, with_change(self._map.entry(number), key, value))
        self._on_changed()
        reply.done(number, key)

    def _on_delete(self, reply: Reply, number: int) -> None:
        with self._lock:
            self._map.delete(number)
        self._on_changed()
        reply.done(number)

    def _on_clear(self, reply: Reply) -> None:
        with self._lock:
            self._map.clear()
        self._on_changed()
        reply.done()

    def _on_load(self, reply: Reply, name: str, first: str | None) -> None:
        if first is not None:
            if not is_built_in(name):
                raise MappingError(f"map {name!r}: only resolume takes a first layer")
            name = f"{name.partition(':')[0]}:{first}"
        path = self._file_of(name)

        def load() -> None:
            loaded = self._report_problems(self._load(name), f"map {name}")
            with self._lock:
                self._map.add_all(loaded.entries, instead_of=partial(is_from, name))
            self._on_changed()
            reply.done(name, len(loaded.entries))

        if path is None:
            load()
        else:
            self._named_maps.post(load, reply.fail)

    def _on_save(self, reply: Reply, name: str) -> None:
        path = self._file_of(name)
        if path is None:
            raise MappingError(
                f"map {name!r} is built in and cannot be changed; choose another name"
            )
        with self._lock:
            entries = self._map.entries

        def save() -> None:
            StoredFile(path, "map", MappingError).write(map_text(entries))
            self._list_maps()
            reply.done(name)

        self._named_maps.post(save, reply.fail)

    # -- files ---------------------------------------------------------------------------------

    def _on_changed(self) -> None:
        """Announce a change and save the map."""
        with self._lock:
            count = len(self._map)
            self._feedback.set_entries(self._map.entries)
        self._notify("/map/changed", count)
        self._disk.post(self._save_map, partial(self._report, "map"))

    def _save_map(self) -> None:
        """Write the map, once for several changes in a row. The disk's thread."""
        with self._lock:
            entries = self._map.entries
        if entries != self._saved:  # the text of a thousand takes 11 ms
            self._file.write(map_text(entries, self._unread))
            self._saved = entries

    def _report_problems(self, loaded: LoadedMap, origin: str) -> LoadedMap:
        report_problems(
            self._report, "map", [f"{origin}: {problem}" for problem in loaded.problems]
        )
        return loaded

    def _load(self, name: str) -> LoadedMap:
        """The map with this name, or MappingError. Uses the disk, unless it is built in."""
        path = self._file_of(name)
        if path is None:
            return read_tables(built_in(name))
        if not path.exists():
            self._list_maps()
            raise MappingError(f"map {name!r}: not found (known: {some_of(self._names)})")
        return read_map(path)

    def _list_maps(self) -> None:
        """List the maps that can be loaded. Uses the disk."""
        files = sorted(file.stem for file in self._folder.glob(f"*{SUFFIX}") if file.name[0] != ".")
        self._names = (*BUILT_IN, *files)

    def _file_of(self, name: str) -> Path | None:
        """The file of a named map, or None if it is built in. MappingError for an invalid name."""
        if is_built_in(name):
            return None
        try:
            return self._folder / f"{clean_name(name)}{SUFFIX}"
        except ValueError as reason:
            raise MappingError(f"map {name!r}: {reason}") from None


def _clock_of(event: MidiEvent, sender_name: str) -> str:
    """Who sends a clock: a device of a port, or one of a host whose bridge passes it on."""
    device = device_of(sender_name)
    return f"{printable(event.device)} ({host_of(sender_name)})" if device == BRIDGE else device


def _entry(control: str, target: str, argument: str, mode: str | None = None) -> MapEntry:
    """A checked entry of the map; `mode` None: as the control and the target suggest."""
    return make_entry(
        {
            "control": control,
            "target": target,
            "argument": argument,
            **({"mode": mode} if mode else {}),
        }
    )
