"""`/audio/input`, `/audio/file`, `/audio/track`, `/audio/monitor`: selects the sound during the
show.

Opening a device or a file takes time, so a worker thread does it, in order; the former sound plays
until then. Of the choices that wait behind a slow one only the newest of each kind is opened; the
others are answered. Files can only be chosen below the music folders, because the person who starts
the engine decides what its senders may read.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from engine.audio.chosen import DEMO, FILES, ChosenAudio, ChosenSound
from engine.audio.devices import AudioDevice, Kind, list_devices, restart_for
from engine.audio.input import AudioInput
from engine.audio.playlist import LISTS, SOUNDS, PlaylistFeed
from engine.audio.rtp import RTP_PREFIX
from engine.control import CommandTable, Reply
from engine.control.commands import CommandContext
from engine.errors import AudioError
from engine.osc.decode import printable
from engine.system.daemon_worker import DaemonWorker, call_on_thread
from engine.system.folder_files import (
    MAX_ENTRIES,
    MAX_PATH_CHARACTERS,
    OfferedFiles,
    folders_offered,
)
from engine.system.guarded_thread import Guard

SUPERSEDED: Final = "superseded by another choice"
# after a command the next states are published at once; longer than most devices delay the sound
EAGER_S: Final = 1.5
POSITION_INTERVAL_S: Final = 0.5
NOT_OFFLINE: Final = "the sound cannot be changed in an offline run: start with another --audio"
NO_LIST: Final = (
    "no sound file plays: choose one (/audio/file/open), or the last list (/audio/input/open files)"
)

log = logging.getLogger(__name__)

Entry = tuple[str | int, str, bool]
"""(entry, title, True if it is in use)."""


class SoundControl:
    """The commands of `/audio`, on OSC's threads; answers come from the worker, lists from a thread
    of their own."""

    def __init__(self, context: CommandContext, audio: AudioInput, folders: Sequence[Path]) -> None:
        """`folders`: the music folders, whose files may be played."""
        self._sound = audio.sound if isinstance(audio, ChosenAudio) else None
        self._offered = OfferedFiles("music", folders, SOUNDS | LISTS, "/audio/file/list")
        self._notify = context.notify
        self._worker = DaemonWorker("sound") if self._sound is not None else None
        self._guard = Guard(
            log, context.report, "audio.choose", "a sound could not be opened or listed"
        )
        self._waiting: dict[str, tuple[Reply, Callable[[], None]]] = {}
        """The newest request of each kind that the worker has not begun."""
        self._lock = threading.Lock()  # protects it
        self._file = ""
        """The entry of the list that plays."""
        self._last_published: tuple[str | int, ...] = (0, 0, "", "")
        self._next_position_s = float("-inf")
        self._eager_until_s = float("-inf")
        self._is_eager = False

    def close(self) -> None:
        """End the worker thread. Call it before the sound is closed."""
        if self._worker is not None:
            self._worker.shutdown()

    def add_commands(self, table: CommandTable) -> None:
        for kind, open_, entries in (
            ("input", self._open_input, self._inputs),
            ("file", self._open_file, self._files),
            ("track", self._open_track, self._tracks),
            ("monitor", self._open_monitor, self._outputs),
        ):
            table.add(f"/audio/{kind}/open", partial(self._on_open, kind, open_))
            table.add(f"/audio/{kind}/list", partial(self._on_list, kind, entries), is_listing=True)
        for verb in ("play", "pause", "next", "previous"):
            table.add(f"/audio/file/{verb}", partial(self._on_transport, verb))
        table.add("/audio/file/seek", self._on_seek)
        table.add("/audio/devices", self._on_devices)

    def poll(self, now_s: float) -> bool:
        """Publish the playing track and its position. The sending thread, at least once per second;
        True: 60 times."""
        if self._sound is None:
            return False
        if self._is_eager:
            self._is_eager = False
            self._eager_until_s = now_s + EAGER_S
        at = self._sound.track_position
        now = (0, 0, "", "off") if at is None else (at.number, at.tracks, at.name, at.state)
        is_new = now != self._last_published and (at is not None or bool(self._last_published[0]))
        if is_new:
            self._last_published = now
            self._notify("/audio/file/playing", *now)
        if at is not None and (is_new or now_s >= self._next_position_s):
            self._next_position_s = now_s + POSITION_INTERVAL_S
            self._notify("/audio/file/position", at.position_s, at.length_s)
        return now_s < self._eager_until_s

    # -- commands ----------------------------------------------------------------------------------

    def _on_open(
        self,
        kind: str,
        open_: Callable[[ChosenSound, Any], str | int],
        reply: Reply,
        entry: str | int,
    ) -> None:
        if isinstance(entry, str) and len(entry) > MAX_PATH_CHARACTERS:
            raise AudioError(f"{printable(entry, 40)!r} is longer than any name")

        sound = self._require_sound()

        def work() -> None:
            try:
                current = open_(sound, entry)
            except AudioError as error:
                raise AudioError(self._offered.without_folders(str(error))) from None
            self._notify(f"/audio/{kind}/current", current)
            self._is_eager = True
            reply.done(current)

        self._submit(kind, reply, work)

    def _submit(self, kind: str, reply: Reply, work: Callable[[], None]) -> None:
        """Queue work for the worker; of each kind only the newest waits."""
        with self._lock:
            before = self._waiting.get(kind)
            self._waiting[kind] = reply, work
        if before is not None:
            before[0].fail(SUPERSEDED, is_logged=False)
            return
        assert self._worker is not None
        self._worker.submit(self._guard.attempt, partial(self._do_newest, kind))

    def _do_newest(self, kind: str) -> None:
        """Run the newest request of a kind. The worker's thread."""
        with self._lock:
            reply, work = self._waiting.pop(kind)
        reply.attempt(work)

    def _on_list(
        self, kind: str, entries: Callable[[ChosenSound], Iterable[Entry]], reply: Reply
    ) -> None:
        sound = self._require_sound()

        def send_entries() -> None:
            for entry, title, is_on in entries(sound):
                reply.send(f"/audio/{kind}/entry", entry, title, int(is_on))
            reply.done()

        # not on the worker: a folder on a slow disk must not hold up a choice
        call_on_thread(f"{kind} list", self._guard.attempt, partial(reply.attempt, send_entries))

    def _on_transport(self, verb: str, reply: Reply) -> None:
        feed = self._feed()
        feed.queue_command(getattr(feed, verb))
        self._is_eager = True
        reply.done()

    def _on_seek(self, reply: Reply, position_s: float) -> None:
        feed = self._feed()
        feed.queue_command(partial(feed.seek, position_s))
        self._is_eager = True
        reply.done()

    def _on_devices(self, reply: Reply) -> None:
        self._require_sound()

        def look() -> None:
            is_new = restart_for("")
            for kind in ("input", "monitor"):
                self._notify(f"/audio/{kind}/changed")
            reply.done(int(is_new))

        self._submit("devices", reply, look)

    def _feed(self) -> PlaylistFeed:
        feed = self._require_sound().playlist
        if feed is None:
            raise AudioError(NO_LIST)
        return feed

    def _require_sound(self) -> ChosenSound:
        if self._sound is None:
            raise AudioError(NOT_OFFLINE)
        return self._sound

    # -- the worker's thread; `_inputs`, `_files`, `_tracks`, `_outputs`: the list's ---------------

    def _open_input(self, sound: ChosenSound, entry: str) -> str:
        if entry == sound.source and sound.state != "lost":
            return entry  # some devices cannot be opened twice
        if entry == DEMO:
            sound.open_demo()
        elif entry == FILES:
            sound.resume_files()
        elif entry and entry == sound.rtp:
            sound.open_rtp(entry)
        else:
            sound.open_device(entry.removeprefix("device:"))
        return sound.source

    def _inputs(self, sound: ChosenSound) -> Iterable[Entry]:
        devices, why = _list_or_reason("input")
        yield DEMO, f"built-in demo loop{why}", sound.source == DEMO
        if sound.files:
            first, *others = sound.files
            more = f" and {len(others)} more" if others else ""
            yield FILES, f"sound files: {first.name}{more}", sound.source == FILES
        if sound.rtp:
            yield sound.rtp, f"sound of another program ({sound.rtp})", sound.source == sound.rtp
        yield from _entries(devices, sound.source, lambda device: device.channels)

    def _open_file(self, sound: ChosenSound, entry: str) -> str:
        sound.open_files(self._offered.path_of(entry))
        self._file = entry
        return entry

    def _files(self, sound: ChosenSound) -> Iterable[Entry]:
        for entry, is_folder in self._offered.listed().items():
            yield (
                entry,
                f"{entry}/" if is_folder else entry,
                entry == self._file and sound.source == FILES,
            )

    def _open_track(self, sound: ChosenSound, number: int) -> int:
        feed = self._feed()
        if not 1 <= number <= len(feed.tracks):
            raise AudioError(f"{number} is no file of the list: it has 1 to {len(feed.tracks)}")
        feed.queue_command(partial(feed.go, number))
        return number

    def _tracks(self, sound: ChosenSound) -> Iterable[Entry]:
        feed = sound.playlist
        position = sound.track_position
        for number, track in enumerate(feed.tracks[:MAX_ENTRIES] if feed else (), start=1):
            yield number, track.name, position is not None and position.number == number

    def _open_monitor(self, sound: ChosenSound, entry: str) -> str:
        if entry != sound.monitor.output_name:
            sound.open_monitor(entry)
        return sound.monitor.output_name

    def _outputs(self, sound: ChosenSound) -> Iterable[Entry]:
        current = sound.monitor.output_name
        devices, why = _list_or_reason("output")
        yield "none", f"not heard{why}", current == "none"
        yield from _entries(devices, current, lambda device: device.outputs)


def _list_or_reason(kind: Kind) -> tuple[Sequence[AudioDevice], str]:
    """The devices and "", or none and the reason in brackets."""
    try:
        return list_devices(kind), ""
    except AudioError as error:
        return (), f" ({error})"


def _entries(
    devices: Sequence[AudioDevice], on: str, channels: Callable[[AudioDevice], int]
) -> Iterable[tuple[str, str, bool]]:
    """Entries of the devices, and of the one in use if it is not listed. `on`: name of that one."""
    names = [device.name for device in devices]
    for device in devices:
        name = device.name if names.count(device.name) == 1 else str(device.index)
        default = ", default" if device.is_default else ""
        yield name, f"{device.name} ({channels(device)} channels{default})", device.name == on
    if on not in (*names, DEMO, FILES, "none") and not on.startswith(RTP_PREFIX):
        yield on, f"{on} (not available)", True


def music_folders(configured: Sequence[str], audio: str | None) -> list[Path]:
    """The configured folders, else the user's own; and the folder that the run began with, or its
    file's."""
    import platformdirs

    is_file = audio not in (None, DEMO) and not audio.startswith(("device:", RTP_PREFIX))
    return folders_offered(configured, platformdirs.user_music_dir(), audio if is_file else None)
