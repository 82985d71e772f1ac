"""Undoes what Git Bash and MSYS2 do to OSC addresses on Windows.

They take each argument of a Windows program that begins with / for a path of theirs, and put their
own folder before it: `/preset/load` becomes `C:/Program Files/Git/preset/load`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

ADVICE = "Git Bash made a path of it: type MSYS_NO_PATHCONV=1 before the command"


def is_active(environment: Mapping[str, str]) -> bool:
    """True if this program was started by Git Bash or MSYS2."""
    return bool(environment.get("MSYSTEM"))


def with_addresses(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The arguments as they were typed, as far as they were addresses: also `--set
    /layer/1/angle=45`. An argument whose first part begins no known address is a file, and
    stays."""
    folders = [re.escape(folder) for folder in _own_folders(environment)]
    if not is_active(environment) or not folders:
        return list(arguments)
    from osc_schema import COMMANDS, PARAMS  # slow, and only needed here

    addresses = [param.address for param in PARAMS] + [command.address for command in COMMANDS]
    first_parts = {address.split("/")[1] for address in addresses}
    pattern = re.compile(
        rf"(--?[\w-]+=)?(?:{'|'.join(folders)})(/([^/=]*).*)", re.IGNORECASE | re.DOTALL
    )
    typed = list(arguments)
    for index, argument in enumerate(arguments):
        found = pattern.fullmatch(argument)
        if found is not None and found[3] in first_parts:
            typed[index] = (found[1] or "") + found[2]
    return typed


def _own_folders(environment: Mapping[str, str]) -> Iterator[str]:
    """The folder that Git Bash is installed in, with forward slashes, as the variables that it
    hands down tell it."""
    for name in ("SHELL", "EXEPATH"):
        path = environment.get(name, "").replace("\\", "/")
        folder = re.sub(r"(/usr)?(/bin(/[^/]*)?)?$", "", path)
        if folder:
            yield folder
