"""A cache of the presets in a folder, so that changing the look never waits for the disk.

Saving and deleting change the cache at once and the disk afterwards; if that fails, the cache
returns to the state of the disk. Changes by other programs are found by polling the folder.
"""

import threading
import zlib
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.errors import PresetError
from engine.params import presets
from engine.params.preset_file import LoadedPreset
from engine.params.store import PANIC, ParamStore, Snapshot
from engine.system.file_names import folded
from engine.system.small_file import read_small
from osc_schema import PARAMS, Rejected, Value

MAX_PICTURE_BYTES = 200_000  # the engine writes about 15 kB; a larger file is from elsewhere
MAX_PICTURES = 500  # in memory, 8 MB
MAX_READ = 50  # files of a poll: half a second, in which nothing is written
CURRENT = "/preset/current"

# every engine starts with it, and a panic leaves it: its values are the parameters' defaults
FIRST = "Eclipse"
FACTORY = {name.casefold(): presets.factory_preset(name) for name in presets.FACTORY_NAMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnDisk:
    file: presets.SavedFile | None
    """The file that was read, or None if it must be read again."""
    content: LoadedPreset | PresetError | None
    """The preset, the error if it cannot be used, or None before it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetPicture:
    jpeg: bytes
    version: str
    """Differs for different pictures."""
    file: presets.SavedFile | None
    """The file that was read, or None if this engine wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PresetChange:
    """A change of a preset that is not on the disk yet."""

    name: str
    content: LoadedPreset | None
    """The new preset, or None if it is deleted."""


class PresetCache:
    """The presets of a folder in memory. Any thread, but the methods below "one thread", which wait
    for the disk."""

    def __init__(self, folder: presets.PresetFolder) -> None:
        self.folder = folder
        self.problem = ""
        """The reason why the last poll could not read the folder, or ""."""
        self.has_more = False
        """True if the last poll has left files unread."""
        self._lock = threading.Lock()
        self._on_disk: dict[str, _OnDisk] = {}
        self._changes: dict[str, PresetChange] = {}
        self._alike: dict[tuple[str, ...], list[str]] = {}
        """The names of the folder's presets, with the changes, by their folded form. Guarded by the
        lock."""
        self._names_version = 0
        self._unknown = (0, "", "")
        """`_names_version`, the name that was not found then, and the line about it: a frame may
        ask each time."""
        self._pictures: dict[str, PresetPicture] = {}  # replaced as a whole

    # -- any thread ----------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """The names of all presets: the built-in ones, then the others, sorted."""
        with self._lock:
            saved = [name for alike in self._alike.values() for name in alike]
        return (*presets.FACTORY_NAMES, *sorted(saved, key=str.casefold))

    def spell(self, name: str) -> str:
        """The clean name, in the case of the preset that it means. PresetError for an invalid
        one."""
        return self._own_name(name) or presets.clean_name(name)

    def has(self, name: str) -> bool:
        """True if there is a preset of that name. PresetError for an invalid name."""
        return name.casefold() in FACTORY or self._own_name(name) is not None

    def find(self, name: str) -> LoadedPreset | None:
        """The preset, or None if it is unknown or could not be used, so that reading the disk again
        may help. PresetError for an invalid name."""
        content = self._content(name)
        return content if isinstance(content, LoadedPreset) else None

    def get(self, name: str) -> LoadedPreset:
        """The preset of that name. PresetError if it is missing or cannot be used."""
        content = self._content(name)
        if isinstance(content, LoadedPreset):
            return content
        if content is not None:
            # a new one each time: a traceback grows with every raise
            raise PresetError(str(content))
        clean = self.spell(name)
        if clean in self._on_disk:
            raise PresetError(
                f"preset {clean!r}: has not been read yet; {self.folder.path} is being read"
            )
        if self.problem:
            raise PresetError(self.problem)
        version, unknown, line = self._unknown
        if (version, unknown) != (self._names_version, clean):
            version = self._names_version
            line = str(presets.not_found_error(clean, self.folder.path, self.names()))
            self._unknown = (version, clean, line)
        raise PresetError(line)

    @property
    def pictures(self) -> Mapping[str, PresetPicture]:
        """The pictures by preset name. The mapping never changes; it is replaced as a whole."""
        return self._pictures

    def save(
        self, name: str, values: Mapping[str, Value], inputs: Mapping[str, str] = presets.NO_INPUTS
    ) -> PresetChange:
        """Save the stored ones among `values` under that name, effective at once. PresetError for
        an invalid name."""
        clean = self.spell(name)
        presets.refuse_factory(clean)
        stored = [(param, values[param.address]) for param in PARAMS if presets.is_stored(param)]
        old = self._content(clean)
        # no parameter, so it stays in the file
        energy = old.energy if isinstance(old, LoadedPreset) else None
        content = LoadedPreset(name=clean, values=stored, inputs=inputs, energy=energy)
        return self._add(PresetChange(name=clean, content=content))

    def delete(self, name: str) -> PresetChange:
        """Delete a preset, effective at once. PresetError for an invalid or built-in name."""
        presets.refuse_factory(name)
        return self._add(PresetChange(name=self.spell(name), content=None))

    def drop(self, change: PresetChange) -> None:
        """Forget a change that was written, or could not be, unless there was a later one."""
        with self._lock:
            if self._changes.get(change.name) is change:
                del self._changes[change.name]
                self._follow(change.name)

    # -- one thread, which waits for the disk ----------------------------------------------------

    def write(self, change: PresetChange) -> bool:
        """Write a change to the disk; True if an older file was moved to `replaced`. PresetError if
        it fails."""
        name = change.name
        content = change.content
        if content is None:
            self.folder.delete(name, is_spelled=True)
            was_replaced = True
        else:
            was_replaced = self.folder.replace(
                name, content.by_address(), content.inputs, content.energy, is_spelled=True
            )
        if was_replaced:
            self._pictures = {
                other: picture for other, picture in self._pictures.items() if other != name
            }
        self._remember(name, None if content is None else _OnDisk(file=None, content=content))
        self.drop(change)
        return was_replaced

    def rename(self, name: str, new: str) -> tuple[str, str]:
        """Rename a preset, with its picture. Returns both names as spelled. PresetError if it is
        missing or taken."""
        old, renamed = self.folder.rename(name, new)
        on_disk = self._on_disk.get(old)
        self._remember(old, None)
        if on_disk is not None and isinstance(on_disk.content, LoadedPreset):
            self._remember(
                renamed, _OnDisk(file=None, content=replace(on_disk.content, name=renamed))
            )
        self._pictures = {
            renamed if at == old else at: picture for at, picture in self._pictures.items()
        }
        return old, renamed

    def restore(self, name: str) -> LoadedPreset:
        """Bring back the preset that was last overwritten or deleted under that name. PresetError
        if there is none."""
        loaded = self.folder.restore(name)
        self._remember(loaded.name, _OnDisk(file=None, content=loaded))
        self._poll_pictures({loaded.name})
        return loaded

    def write_picture(self, name: str, jpeg: bytes) -> None:
        """Write the picture of a preset, unless the preset was deleted meanwhile. PresetError if
        the disk refuses."""
        clean = self.spell(name)
        if clean in self._on_disk:
            self.folder.save_picture(clean, jpeg, is_spelled=True)
            self._pictures = {**self._pictures, clean: _picture(jpeg, None)}

    def poll(self, first: str = "") -> list[str]:
        """Read new and changed files, of many only some, that of the preset `first` at once; then
        `has_more` is true. Returns the names of presets that were added, removed or changed. If the
        folder cannot be read, nothing changes, and `problem` has the reason."""
        try:
            files = self.folder.files()
        except PresetError as error:
            self.problem = str(error)
            return []
        self.problem = ""
        different = [name for name in self._on_disk if name not in files]
        for name in different:
            self._remember(name, None)
        for name in files:  # the names first, because reading a file may take long
            if name not in self._on_disk:
                self._remember(name, _OnDisk(file=None, content=None))
        unread = [name for name, file in files.items() if self._on_disk[name].file != file]
        unread.sort(key=lambda name: name != first)
        self.has_more = len(unread) > MAX_READ
        for name in unread[:MAX_READ]:
            file = files[name]
            before = self._on_disk[name]
            try:
                content: LoadedPreset | PresetError = self.folder.read(name, Path(file.path))
            except PresetError as error:
                content = error
            self._remember(name, _OnDisk(file=file, content=content))
            if isinstance(content, PresetError) or content != before.content:
                different.append(name)
        return [
            *different,
            *(name for name in self._poll_pictures(files.keys()) if name not in different),
        ]

    def _poll_pictures(self, names: Collection[str]) -> list[str]:
        """Read new and changed pictures, forget deleted ones; returns those of their names that are
        in `names`."""
        try:
            files = {
                name: file for name, file in self.folder.pictures().items() if name in self._on_disk
            }
        except PresetError:
            return []
        pictures = {name: picture for name, picture in self._pictures.items() if name in files}
        different = [name for name in self._pictures if name not in pictures and name in names]
        for name, file in list(files.items())[:MAX_PICTURES]:
            before = pictures.get(name)
            if (before is not None and before.file == file) or file.size > MAX_PICTURE_BYTES:
                continue
            try:
                picture = _picture(read_small(Path(file.path), max_bytes=MAX_PICTURE_BYTES), file)
            except OSError:  # it was just deleted
                continue
            if name in names and (before is None or before.version != picture.version):
                different.append(name)
            pictures[name] = picture
        self._pictures = pictures
        return different

    def _content(self, name: str) -> LoadedPreset | PresetError | None:
        if factory := FACTORY.get(name.casefold()):
            return factory
        clean = self.spell(name)
        with self._lock:
            change = self._changes.get(clean)
            on_disk = self._on_disk.get(clean)
        if change is not None:
            return change.content
        return None if on_disk is None else on_disk.content

    def _add(self, change: PresetChange) -> PresetChange:
        with self._lock:
            self._changes[change.name] = change
            self._follow(change.name)
        return change

    def _own_name(self, name: str) -> str | None:
        """The name of the folder's preset that is meant, or None. PresetError for an invalid
        name."""
        clean = presets.clean_name(name)
        with self._lock:
            alike = self._alike.get(folded(clean), ())
            return clean if clean in alike else alike[0] if len(alike) == 1 else None

    def _remember(self, name: str, on_disk: _OnDisk | None) -> None:
        """Note the state of a preset on the disk, None: it is gone. The disk's thread. The lock is
        held for one name at a time, so no frame waits for thousands."""
        with self._lock:
            if on_disk is None:
                self._on_disk.pop(name, None)
            else:
                self._on_disk[name] = on_disk
            self._follow(name)

    def _follow(self, name: str) -> None:
        """Let the index follow a change of this name. The caller holds the lock."""
        change = self._changes.get(name)
        is_there = name in self._on_disk if change is None else change.content is not None
        alike = self._alike.setdefault(folded(name), [])
        if is_there != (name in alike):
            self._names_version += 1
            (alike.append if is_there else alike.remove)(name)


def _picture(jpeg: bytes, file: presets.SavedFile | None) -> PresetPicture:
    return PresetPicture(jpeg=jpeg, version=f"{zlib.crc32(jpeg):08x}", file=file)


@dataclass(slots=True, kw_only=True, eq=False)
class _Current:
    name: str
    values: dict[str, Value]
    is_fading: bool


class CurrentPreset:
    """The current preset and whether it is edited, for the performer. `step` on the render thread,
    the rest on any. A preset becomes current when it is loaded or saved; the first is the look that
    the engine starts with, which a panic brings back. It is edited while any of its values differs
    from the current one, except during a fade to it. No preset is current after the current one was
    deleted, and after a resume of values that belonged to none."""

    def __init__(self, store: ParamStore, send: Callable[..., None]) -> None:
        """`send("/preset/current", name, edited)` is called at each change; it must not wait."""
        self._store = store
        self._send = send
        self._lock = threading.Lock()
        self._current: _Current | None = None
        self._is_edited = False
        self._different = ""
        """An address whose value differs from the preset's. While it does, no other address is
        compared."""
        self._compared_version = -1
        # when the current preset became so; before the first, as if there had been one
        self._panics = -1.0

    @property
    def state(self) -> tuple[str, int]:
        """The name of the current preset, or "", and 1 if it is edited, else 0."""
        current = self._current
        return (current.name if current else "", int(self._is_edited))

    @property
    def name(self) -> str:
        return self.state[0]

    def loaded_value(self, address: str) -> Value | None:
        """The value that the current preset was loaded with."""
        current = self._current
        return None if current is None else current.values.get(address)

    def begin(self, loaded: LoadedPreset, *, is_fading: bool = False) -> Callable[[], None]:
        """Make this preset the current one. Call the returned function when a fade to it has ended
        or is superseded."""
        current = _Current(name=loaded.name, values=self._usable(loaded), is_fading=is_fading)
        self._set(current)
        return partial(self._go_on, current)

    def pause(self) -> Callable[[], None]:
        """Compare nothing until the returned function is called: a hand is fading to another
        look."""
        with self._lock:
            current = self._current
            if current is not None:
                current.is_fading = True
        return partial(self._go_on, current)

    def _go_on(self, current: _Current | None) -> None:
        with self._lock:
            if current is not None:
                current.is_fading = False
            self._compared_version = -1

    def follow(self, loaded: LoadedPreset) -> None:
        """Use the new values of a preset for the comparison, if it is the current one."""
        with self._lock:
            if self._current is not None and self._current.name == loaded.name:
                self._current.values = self._usable(loaded)
                self._different = ""
                self._compared_version = -1

    def rename(self, name: str, new: str) -> None:
        with self._lock:
            if self._current is not None and self._current.name == name:
                self._current.name = new
                self._send(CURRENT, *self.state)

    def forget(self, name: str) -> None:
        """Leave no preset current if the deleted preset `name` was."""
        if self.name == name:
            self._set(None)

    def step(self, snapshot: Snapshot) -> None:
        """Send a change of the edited mark. Costs nothing while no value changes."""
        if snapshot.version == self._compared_version:
            return
        first = FACTORY[FIRST.casefold()]
        if first is not None and snapshot.number(PANIC) > self._panics:
            self.begin(first)
        with self._lock:
            self._compared_version = snapshot.version
            current = self._current
            known = self._different
            if current is None or current.is_fading:
                return
            if known and snapshot[known] != current.values[known]:
                return
            self._different = next(
                (
                    address
                    for address, value in current.values.items()
                    if snapshot[address] != value
                ),
                "",
            )
            if bool(self._different) != self._is_edited:
                self._is_edited = bool(self._different)
                self._send(CURRENT, *self.state)

    def _set(self, current: _Current | None) -> None:
        with self._lock:
            self._current = current
            self._is_edited = False
            self._different = ""
            self._compared_version = -1
            self._panics = self._store.snapshot().number(PANIC)
            self._send(CURRENT, *self.state)

    def _usable(self, loaded: LoadedPreset) -> dict[str, Value]:
        """The values that this run accepts, by address. Refused ones are not compared."""
        usable = {}
        for param, value in loaded.values:
            with suppress(Rejected):
                self._store.require(param, value)
                usable[param.address] = value
        return usable
