"""`--gpu`, for every command that opens OpenGL."""

from typing import Annotated

import typer

Gpu = Annotated[
    str | None,
    typer.Option(
        metavar="INDEX|NAME",
        help="Linux: draw with this GPU; part of the name is enough. `multiverse devices` lists them. [MULTIVERSE_GPU]"
        " (default: an NVIDIA card, else another, else the CPU)",
    ),
]
