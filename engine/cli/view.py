"""`multiverse view`: a running engine's picture in a window or on a whole display, from shared memory."""

import json
import sys
from typing import Annotated

import typer

from engine.errors import RenderError, UsageError

POLL_S = 0.002  # maximum delay of a new picture, before vsync
INSTALL = "pip install glfw"


def view(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The picture's name, or part of it.")] = "Multiverse",
    display: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Display to use, numbered as in --list. (default: 0)")
    ] = None,
    fullscreen: Annotated[bool, typer.Option("--fullscreen", help="Fill the display; F toggles it.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the displays and the available pictures.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: print JSON.")] = False,
) -> None:
    """Show a running engine's picture in a window.

    The engine needs its sink `shared` (on Linux it is on by default). The window adapts to new picture sizes and
    waits while the engine restarts. Esc or Q closes it, F fills the display.
    """
    if as_json and not list_:
        raise UsageError("--json is for --list: add --list")
    try:
        from engine.cli.picture_window import list_displays
    except ImportError as error:
        raise RenderError(f"view: needs glfw ({error}): {INSTALL}") from None
    if list_:
        _print_list(list_displays(), as_json)
    else:
        _show(name, display, fullscreen)


def _show(name: str, display: int | None, is_full_screen: bool) -> None:
    from contextlib import closing

    from engine.cli.picture_window import PictureWindow
    from engine.sources.published import SharedWatch
    from engine.system.clock import SystemClock
    from engine.system.power import kept_awake

    watch = SharedWatch(name, SystemClock(), others_only=False)
    window = PictureWindow(_waiting_title(name), display=display, is_full_screen=is_full_screen)
    shown, has_said = None, False
    with closing(watch), closing(window), kept_awake(display=True):
        try:
            while not window.is_closing:
                frame = watch.latest(shown.pixels if shown is not None else None)
                if frame is not shown:
                    window.show(None if frame is None else frame.pixels)
                    if frame is None or shown is None:
                        window.set_title(name if frame is not None else _waiting_title(name))
                    shown = frame
                if watch.problem and not has_said:
                    has_said = True
                    print(
                        f"multiverse: waiting for {name!r} (available: {_available_names()})",
                        file=sys.stderr,
                        flush=True,
                    )
                window.step(POLL_S)
        except KeyboardInterrupt:
            return


def _waiting_title(name: str) -> str:
    return f"{name}: no picture; waiting for an engine with --sink shared"


def _available_names() -> str:
    from engine.sources.published import list_shared

    return ", ".join(dict.fromkeys(picture.name for picture in list_shared())) or "none; engines need --sink shared"


def _print_list(displays: list[str], as_json: bool) -> None:
    from engine.sources.published import list_shared

    pictures = list_shared()
    if as_json:
        found = [{"name": p.name, "width": p.width, "height": p.height, "fps": p.fps, "pid": p.pid} for p in pictures]
        print(json.dumps({"displays": displays, "pictures": found}, indent=2))
        return
    print("Displays")
    for number, display in enumerate(displays):
        print(f"  {number}  {display}")
    print("Pictures" if pictures else "Pictures: none; start an engine with --sink shared")
    for picture in pictures:
        print(f"  {picture.name}  {picture.width}x{picture.height} at {picture.fps:g} fps (process {picture.pid})")
