"""Every error the engine raises on purpose::

    MultiverseError                 something the user can act on: what, which value, what is
                                    allowed, what next
    ├── UsageError                  a wrong value or a contradiction (exit code 2)
    │   └── ConfigError             a configuration file or option is wrong; names file and key path
    ├── PortTakenError              another program uses the port
    ├── AudioError                  a sound device or file cannot be used
    ├── SourceError                 a camera, video or picture cannot be used
    ├── RenderError                 the renderer cannot draw
    │   └── NoGLError               no usable OpenGL here; names what to install
    ├── IsfError                    a shader file that cannot be played; names the line
    ├── SinkError                   an output failed
    │   ├── SinkUsageError          an output that is named wrongly; a UsageError, too
    │   ├── SinkUnavailableError    an output that can never run here: system, package
    │   └── FolderBusyError         another run is using the folder
    ├── PresetError                 a preset cannot be read or written
    ├── MappingError                a map of foreign controls cannot be read, written or edited
    ├── CueError                    a cue does not exist or cannot be written
    ├── BankError                   a bank or pad does not exist, or the banks cannot be written
    ├── OscDecodeError              bytes that are not a valid OSC packet
    ├── DmxDecodeError              bytes that are not a valid DMX packet
    ├── SharedMemoryError           a ring cannot be made or opened
    ├── ModelError                  a model cannot be loaded or used
    │   ├── DeviceFullError         its device has too little memory; another may not
    │   └── DeviceLostError         its device has failed; a new process may use it
    └── ChildError                  a child process cannot be started, or refused a request
        ├── ControlPipeError        a message that cannot be sent or read; the pipe still works
        └── PipeClosedError         the other end of a control pipe has closed

`osc_schema.Rejected` is not in the tree: the schema is standard library only and imports nothing of
the engine.
"""

import errno
import os
from typing import Final

MAX_LINE: Final = 500
_REMEDIES: Final = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room: the quota is used up",
    errno.EEXIST: "something is in the way: move or rename it",
    errno.ENOTDIR: "a file is in the place of its folder: move or rename it",
    errno.EISDIR: "a folder is in its place: move or rename it",
    errno.EACCES: "check the permissions of it and its folder",
    errno.EROFS: "its disk is write-protected: choose another folder",
}
"""Remedies for errors of the system."""


class MultiverseError(Exception):
    """Base of every error that the engine raises on purpose. `str(error)` is one line, ready for a
    terminal."""


class UsageError(MultiverseError): ...


class ConfigError(UsageError): ...


class PortTakenError(MultiverseError):
    """Another program uses one or more of the requested ports."""

    def __init__(self, *conflicts: tuple[str, str]) -> None:
        """conflicts: Pairs of option and address: `("--osc", "127.0.0.1:9000")`."""
        self.conflicts = conflicts
        named = " and ".join(f"{option} {address}" for option, address in conflicts)
        others = " ".join(f"{option} HOST:PORT" for option, _ in conflicts)
        are = "is" if len(conflicts) == 1 else "are"
        super().__init__(
            f"{named} {are} in use; is another multiverse running? choose another with {others}"
        )


class AudioError(MultiverseError): ...


class SourceError(MultiverseError): ...


class RenderError(MultiverseError): ...


class NoGLError(RenderError): ...


class IsfError(MultiverseError):
    def __init__(self, reason: str, line: int | None = None) -> None:
        """line: Line of the shader file, from 1; None if the reason concerns no line."""
        self.reason = reason
        self.line = line
        super().__init__(reason if line is None else f"line {line}: {reason}")


class SinkError(MultiverseError): ...


class SinkUsageError(SinkError, UsageError): ...


class SinkUnavailableError(SinkError): ...


class FolderBusyError(SinkError): ...


class PresetError(MultiverseError): ...


class MappingError(MultiverseError): ...


class CueError(MultiverseError): ...


class BankError(MultiverseError): ...


class OscDecodeError(MultiverseError): ...


class DmxDecodeError(MultiverseError): ...


class SharedMemoryError(MultiverseError): ...


class ModelError(MultiverseError): ...


class DeviceFullError(ModelError): ...


class DeviceLostError(ModelError): ...


class ChildError(MultiverseError): ...


class ControlPipeError(ChildError): ...


class PipeClosedError(ChildError): ...


def with_remedy(error: OSError) -> str:
    """The system's reason, and what to do about it."""
    return "; ".join(filter(None, (error.strerror, _REMEDIES.get(error.errno or 0))))


def in_one_line(error: BaseException) -> str:
    """Return the error as one line for users, with its type if it is neither a MultiverseError nor
    the system's. Of a file only the name is told, as the line may go to other machines."""
    if isinstance(error, OSError) and error.strerror:
        name = os.path.basename(str(error.filename or ""))
        return f"{name}: {with_remedy(error)}" if name else with_remedy(error)
    text = " ".join(str(error).split())[:MAX_LINE]
    return text if isinstance(error, MultiverseError) else f"{type(error).__name__}: {text}"
