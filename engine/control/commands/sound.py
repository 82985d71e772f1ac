"""`/audio/input`, `/audio/file`, `/audio/track`, `/audio/monitor`: what is heard and drawn, chosen during the show.

Opening a device or a file takes time, so a worker thread does it, in order; the former sound plays until then. Of the
choices that wait behind a slow one only the newest of each kind is opened; the others are answered. Files are named
below the music folders only, because the person who starts the engine decides what its senders may read.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from engine.audio.chosen import DEMO, FILES, ChosenAudio, ChosenSound
from engine.audio.devices import AudioDevice, Kind, list_devices, renew_for
from engine.audio.input import AudioInput
from engine.audio.playlist import LISTS, SOUNDS, PlaylistFeed
from engine.audio.rtp import RTP_PREFIX
from engine.control import Args, CommandTable, Reply
from engine.control.commands import Tools
from engine.errors import AudioError
from engine.osc.decode import shown
from engine.system.daemon_worker import DaemonWorker, call_on_thread
from engine.system.folder_files import MAX_ENTRIES, MAX_WORD_CHARACTERS, OfferedFiles, folders_offered
from engine.system.guarded_thread import Guard

SUPERSEDED: Final = "superseded by another choice"
EAGER_S: Final = 1.5  # after a command the next states are told at once; longer than most devices delay the sound
TELLING_S: Final = 0.5
NOT_OFFLINE: Final = "the sound cannot be changed in an offline run: start with another --audio"
NO_LIST: Final = "no sound file plays: choose one (/audio/file/open), or the last list (/audio/input/open files)"

log = logging.getLogger(__name__)

Entry = tuple[str | int, str, bool]
"""(word, title, True if it is in use)."""


class SoundControl:
    """Commands run on OSC's threads; answers come from the worker, and lists from a thread of their own."""

    def __init__(self, tools: Tools, audio: AudioInput, folders: Sequence[Path]) -> None:
        """`folders`: of the files that may be played."""
        self._sound = audio.sound if isinstance(audio, ChosenAudio) else None
        self._offered = OfferedFiles("music", folders, SOUNDS | LISTS, "/audio/file/list")
        self._tell = tools.tell
        self._worker = DaemonWorker("sound") if self._sound is not None else None
        self._guard = Guard(log, tools.report, "audio.choose", "a sound could not be opened or listed")
        self._waiting: dict[str, tuple[Reply, Callable[[], None]]] = {}
        """The newest request of each kind that the worker has not begun."""
        self._lock = threading.Lock()  # protects it
        self._file = ""
        """The list that plays, as it was named."""
        self._told: tuple[str | int, ...] = (0, 0, "", "")
        self._next_telling_s = self._eager_until_s = float("-inf")
        self._is_eager = False

    def close(self) -> None:
        """End the worker. Call it before the sound is closed."""
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
        """Tell what plays and where. The sending thread, at least once a second; True for 60 times a second."""
        if self._sound is None:
            return False
        if self._is_eager:
            self._is_eager, self._eager_until_s = False, now_s + EAGER_S
        place = self._sound.place
        now = (0, 0, "", "off") if place is None else (place.number, place.tracks, place.name, place.state)
        is_new = now != self._told and (place is not None or bool(self._told[0]))
        if is_new:
            self._told = now
            self._tell("/audio/file/playing", *now)
        if place is not None and (is_new or now_s >= self._next_telling_s):
            self._next_telling_s = now_s + TELLING_S
            self._tell("/audio/file/position", place.position_s, place.length_s)
        return now_s < self._eager_until_s

    # -- commands -------------------------------------------------------------------------------

    def _on_open(self, kind: str, open_: Callable[[ChosenSound, str], str | int], args: Args, reply: Reply) -> None:
        if len(args) != 1 or not isinstance(args[0], str | int | float):
            raise AudioError(f"takes an entry of /audio/{kind}/list")
        word = f"{args[0]:g}" if isinstance(args[0], int | float) else args[0]
        if len(word) > MAX_WORD_CHARACTERS:
            raise AudioError(f"{shown(word, 40)!r} is longer than any name")

        sound = self._require_sound()

        def work() -> None:
            try:
                current = open_(sound, word)
            except AudioError as error:
                raise AudioError(self._offered.without_folders(str(error))) from None
            self._tell(f"/audio/{kind}/current", current)
            self._is_eager = True
            reply.done(current)

        self._submit(kind, reply, work)

    def _submit(self, kind: str, reply: Reply, work: Callable[[], None]) -> None:
        """Let the worker do it after what was asked before; of one kind only the newest waits."""
        with self._lock:
            before = self._waiting.get(kind)
            self._waiting[kind] = reply, work
        if before is not None:
            before[0].fail(SUPERSEDED, is_logged=False)
            return
        assert self._worker is not None
        self._worker.submit(self._guard.attempt, partial(self._do_newest, kind))

    def _do_newest(self, kind: str) -> None:
        """The worker's thread."""
        with self._lock:
            reply, work = self._waiting.pop(kind)
        reply.attempt(work)

    def _on_list(self, kind: str, entries: Callable[[ChosenSound], Iterable[Entry]], args: Args, reply: Reply) -> None:
        sound = self._require_sound()

        def tell() -> None:
            for word, title, is_on in entries(sound):
                reply.send(f"/audio/{kind}/entry", word, title, int(is_on))
            reply.done()

        # not on the worker: a folder on a slow disk must not hold up a choice
        call_on_thread(f"{kind} list", self._guard.attempt, partial(reply.attempt, tell))

    def _on_transport(self, verb: str, args: Args, reply: Reply) -> None:
        feed = self._feed()
        feed.order(getattr(feed, verb))
        self._is_eager = True
        reply.done()

    def _on_seek(self, args: Args, reply: Reply) -> None:
        if len(args) != 1 or isinstance(args[0], bool) or not isinstance(args[0], int | float):
            raise AudioError("takes a position in seconds")
        position_s = float(args[0])
        if not 0.0 <= position_s < float("inf"):
            raise AudioError(f"{position_s:g} is not a position in the file: 0 s is its beginning")
        feed = self._feed()
        feed.order(partial(feed.seek, position_s))
        self._is_eager = True
        reply.done()

    def _on_devices(self, args: Args, reply: Reply) -> None:
        self._require_sound()

        def look() -> None:
            is_new = renew_for("")
            for kind in ("input", "monitor"):
                self._tell(f"/audio/{kind}/changed")
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

    # -- the worker's thread; `_inputs`, `_files`, `_tracks`, `_outputs`: the list's ------------------

    def _open_input(self, sound: ChosenSound, word: str) -> str:
        if word == sound.word and sound.state != "lost":
            return word  # some devices cannot be opened twice
        if word == DEMO:
            sound.open_demo()
        elif word == FILES:
            sound.resume_files()
        elif word and word == sound.rtp:
            sound.open_rtp(word)
        else:
            sound.open_device(word.removeprefix("device:"))
        return sound.word

    def _inputs(self, sound: ChosenSound) -> Iterable[Entry]:
        devices, why = _listed("input")
        yield DEMO, f"built-in demo loop{why}", sound.word == DEMO
        if sound.files:
            more = f" and {len(sound.files) - 1} more" if len(sound.files) > 1 else ""
            yield FILES, f"sound files: {sound.files[0].name}{more}", sound.word == FILES
        if sound.rtp:
            yield sound.rtp, f"sound of another program ({sound.rtp})", sound.word == sound.rtp
        yield from _entries(devices, sound.word, lambda device: device.channels)

    def _open_file(self, sound: ChosenSound, word: str) -> str:
        sound.open_files(self._offered.path_of(word))
        self._file = word
        return word

    def _files(self, sound: ChosenSound) -> Iterable[Entry]:
        for word, is_folder in self._offered.listed().items():
            yield word, f"{word}/" if is_folder else word, word == self._file and sound.word == FILES

    def _open_track(self, sound: ChosenSound, word: str) -> int:
        feed = self._feed()
        if not word.isdecimal() or not 1 <= int(word) <= len(feed.tracks):
            raise AudioError(f"{shown(word, 40)!r} is no file of the list: it has 1 to {len(feed.tracks)}")
        feed.order(partial(feed.go, int(word)))
        return int(word)

    def _tracks(self, sound: ChosenSound) -> Iterable[Entry]:
        feed, place = sound.playlist, sound.place
        for number, track in enumerate(feed.tracks[:MAX_ENTRIES] if feed else (), start=1):
            yield number, track.name, place is not None and place.number == number

    def _open_monitor(self, sound: ChosenSound, word: str) -> str:
        if word != sound.monitor.word:
            sound.open_monitor(word)
        return sound.monitor.word

    def _outputs(self, sound: ChosenSound) -> Iterable[Entry]:
        word = sound.monitor.word
        devices, why = _listed("output")
        yield "none", f"not heard{why}", word == "none"
        yield from _entries(devices, word, lambda device: device.outputs)


def _listed(kind: Kind) -> tuple[Sequence[AudioDevice], str]:
    """The devices, or the reason in brackets why there are none."""
    try:
        return list_devices(kind), ""
    except AudioError as error:
        return (), f" ({error})"


def _entries(
    devices: Sequence[AudioDevice], on: str, channels: Callable[[AudioDevice], int]
) -> Iterable[tuple[str, str, bool]]:
    """The devices; the one in use, too, if it is not listed."""
    names = [device.name for device in devices]
    for device in devices:
        word = device.name if names.count(device.name) == 1 else str(device.index)
        default = ", default" if device.is_default else ""
        yield word, f"{device.name} ({channels(device)} channels{default})", device.name == on
    if on not in (*names, DEMO, FILES, "none") and not on.startswith(RTP_PREFIX):
        yield on, f"{on} (not available)", True


def music_folders(configured: Sequence[str], audio: str | None) -> list[Path]:
    """The configured folders, else the user's own; and that of the file, or the folder, which the run began with."""
    import platformdirs

    is_file = audio not in (None, DEMO) and not audio.startswith(("device:", RTP_PREFIX))
    return folders_offered(configured, platformdirs.user_music_dir(), audio if is_file else None)
