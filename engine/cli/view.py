"""`multiverse view`: a running engine's picture in a window or on a whole display, from shared
memory."""

import json
from contextlib import closing
from typing import Annotated

import typer

from engine.cli.standard_streams import complain, print_lines
from engine.errors import RenderError, UsageError
from engine.system.installing import install_line

POLL_S = 0.002  # maximum delay of a new picture, before vsync


def view(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="The picture's name, or part of it.")
    ] = "Multiverse",
    display: Annotated[
        str,
        typer.Option(
            metavar="N|NAME",
            help="Display to use, by its number or a part of its name, see --list.",
        ),
    ] = "0",
    fullscreen: Annotated[
        bool, typer.Option("--fullscreen", help="Fill the display; F toggles it.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the displays and the available pictures.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: print JSON.")] = False,
) -> None:
    """Show a running engine's picture in a window.

    The engine needs its sink `shared` (on Linux it is on by default). The window adapts to new
    picture sizes and waits while the engine restarts. Esc or Q closes it, F fills the display."""
    if as_json and not list_:
        raise UsageError("--json is for --list: add --list")
    try:
        from engine.sinks.displays import read_displays
        from engine.sinks.picture_window import PictureWindow
    except ImportError as error:
        raise RenderError(f"view: needs glfw ({error}): {install_line('glfw')}") from None
    from engine.sources.published import SharedWatch, list_shared
    from engine.system.clock import SystemClock
    from engine.system.power import kept_awake

    if list_:
        displays = [str(display) for display in read_displays()]
        pictures = list_shared()
        if as_json:
            keys = ("name", "width", "height", "fps", "pid")
            found = [{key: getattr(picture, key) for key in keys} for picture in pictures]
            print(json.dumps({"displays": displays, "pictures": found}, indent=2))
            return
        print_lines("Displays")
        for number, line in enumerate(displays):
            print_lines(f"  {number}  {line}")
        print_lines(
            "Pictures" if pictures else "Pictures: none; start an engine with --sink shared"
        )
        for each in pictures:
            print_lines(
                f"  {each.name}  {each.width}x{each.height} at {each.fps:g} fps (process "
                f"{each.pid})"
            )
        return

    waiting = f"{name}: no picture; waiting for an engine with --sink shared"
    watch = SharedWatch(name, SystemClock(), others_only=False)
    window = PictureWindow(waiting, display=display, is_full_screen=fullscreen, closes_by_key=True)
    displayed = None
    has_said = False
    try:
        with closing(watch), closing(window), kept_awake(display=True):
            while not window.is_closing:
                frame = watch.latest(displayed.pixels if displayed is not None else None)
                if frame is not displayed:
                    window.show(None if frame is None else frame.pixels)
                    if frame is None or displayed is None:
                        window.set_title(name if frame is not None else waiting)
                    displayed = frame
                if watch.problem and not has_said:
                    has_said = True
                    names = ", ".join(dict.fromkeys(picture.name for picture in list_shared()))
                    available = names or "none; engines need --sink shared"
                    complain(f"waiting for {name!r} (available: {available})")
                window.step(POLL_S)
    except KeyboardInterrupt:
        complain("interrupted")
