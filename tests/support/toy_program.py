"""The command line of the programs that write a tiny model."""

import argparse
from collections.abc import Callable, Collection
from pathlib import Path


def write_toy(
    build: Callable[..., Path], description: str, **choices: Collection[str] | Collection[int]
) -> None:
    """Print the folder that `build(folder, …)` returns. `choices`: its arguments that are options,
    beside the seed."""
    parser = argparse.ArgumentParser(description=description, argument_default=argparse.SUPPRESS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int)
    for name, values in choices.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", choices=values, type=type(next(iter(values)))
        )
    print(build(**vars(parser.parse_args())))
