"""The pictures that engines on this machine publish into shared memory (the sink `shared`)."""

from dataclasses import dataclass

from engine.errors import SharedMemoryError
from engine.ipc import FrameRing
from engine.ipc.ring_folder import read_info, system_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPicture:
    """One picture that some engine publishes into shared memory."""

    name: str
    segment: str
    width: int
    height: int
    fps: float
    created_ns: int
    pid: int


def list_shared() -> tuple[SharedPicture, ...]:
    """The pictures published on this machine, the newest ring first.

    What the engine shares with its own children has no rate, and is not listed.
    """
    found = []
    folder = system_folder()
    for segment in folder.segments():
        info = read_info(segment)
        if info is None or not info.is_live:
            continue
        try:
            reader = FrameRing.attach(segment, folder=folder)
        except SharedMemoryError:
            continue  # gone meanwhile
        (height, width, _), fps = reader.shape, reader.fps
        reader.close()
        if fps:
            found.append(
                SharedPicture(
                    name=info.name,
                    segment=segment,
                    width=width,
                    height=height,
                    fps=fps,
                    created_ns=info.created_ns,
                    pid=info.writer.pid,
                )
            )
    return tuple(sorted(found, key=lambda picture: -picture.created_ns))
