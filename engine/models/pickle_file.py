"""What a file that torch.save wrote holds and asks for, told without torch and without running anything.

A pickle is a program: where it says GLOBAL, Python imports a function, and where it says REDUCE, calls it. Here every
name it asks for becomes a `StandIn`, which takes whatever it is called with and does nothing; a tensor is what its
constructor was to be called with. Weights are never read.
"""

import pickle
import re
import reprlib
import struct
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from engine.errors import ModelError
from engine.models.not_a_model import not_a_model
from engine.models.safetensors_header import Tensor

PICKLES = (".ckpt", ".pt", ".pth", ".bin")
"""Suffixes of what torch.save writes."""
STATE_DICT = "state_dict"
"""Key of the tensors in what PyTorch Lightning saves; otherwise the file is the dict itself."""
TENSORS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
PARAMETER = "torch._utils._rebuild_parameter"
# What torch.load makes with weights_only, whatever else it is asked for.
_PLAIN = re.compile(
    r"torch\.(\w+Storage|Size|Tensor|device|b?float\w*|u?int\d+|bool)|torch\.storage\.\w+Storage"
    r"|torch\._utils\._rebuild_\w+|torch\.nn\.parameter\.Parameter|torch\.serialization\._get_layout"
    r"|collections\.(OrderedDict|Counter)|_codecs\.encode|builtins\.(set|bytearray|complex)"
)
DTYPES = {"Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Double": "float64", "Long": "int64"}
TRAINING = re.compile(
    r"(fairseq|omegaconf|hydra|contentvec|numpy)\..+|argparse\.Namespace|typing\.Any|enum\.\w+|pathlib\.\w+"
    r"|builtins\.(dict|list|tuple|int|float|str|bool)|collections\.defaultdict"
)
"""Classes of the training that fairseq pickles beside a HuBERT's tensors."""
SYSTEMS = {"posix": "os", "nt": "os"}
MAX_PICKLE = 8 << 20
"""Bytes: many times what the largest HuBERT needs. A hostile one asks for far more memory than it has bytes, and is
packed a thousandfold."""
MAX_NAME = 200
LEGACY_PARTS = 3  # magic number, protocol, what kind of machine wrote it: pickles before the one that counts
TROUBLES = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading a broken pickle raises."""


class StandIn:
    """An object of a class that is not ours to make: remembers how it was made, does nothing."""

    name = ""
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any, **options: Any) -> "StandIn":
        made = super().__new__(cls)
        made.arguments, made.state = arguments, None
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, item: Any) -> None:
        """A list of a class of its own."""

    def extend(self, items: Any) -> None:
        """The same."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """A dict of a class of its own."""


class Row(tuple[Any, ...]):
    """A tuple. Python hashes one through and through each time: 40 that each hold the last one twice take for ever as a
    key, in torch as well."""

    def __hash__(self) -> int:
        if any(isinstance(each, tuple) for each in self):
            raise ValueError("a key made of rows")
        return super().__hash__()


class Table(dict[Any, Any]):
    """An OrderedDict, whose attributes (a module's `_metadata`) are let go."""

    def __setstate__(self, state: Any) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Storage:
    """The numbers that a tensor lies in, unread."""

    dtype: str
    key: str = ""
    """Of its file in the archive, behind `data/`."""


@dataclass(frozen=True, slots=True)
class PickledFile:
    value: Any
    """As it was saved: of dicts, lists, numbers and texts; the rest are `StandIn`."""
    names: tuple[str, ...]
    """Classes and functions that it asks for, by module and name, in the order of the file."""

    @property
    def foreign(self) -> tuple[str, ...]:
        """Those that a file of tensors has no use for."""
        return tuple(name for name in self.names if not _PLAIN.fullmatch(name))

    def tensors(self, of: str = "") -> dict[str, Tensor]:
        """Type and shape of each tensor, by name, in the dict under the key `of`, "" for the file's own."""
        held = self.value.get(of) if of and isinstance(self.value, dict) else self.value
        if not isinstance(held, dict):
            return {}
        described = {str(key): _described(value) for key, value in held.items()}
        return {name: tensor for name, tensor in described.items() if tensor is not None}


def read_pickle(file: Path) -> PickledFile:
    """ModelError in one line where it is nothing that torch.save wrote, or is cut off."""
    try:
        with file.open("rb") as stream:
            if zipfile.is_zipfile(stream):
                return _read(BytesIO(_zipped(stream)))
            stream.seek(0)
            return _read_legacy(BytesIO(stream.read(MAX_PICKLE)))  # the numbers come last
    except zipfile.BadZipFile as error:
        raise ModelError(f"{file}: cut off or damaged ({error})") from None
    except TROUBLES as error:
        if what := not_a_model(file):
            raise ModelError(f"{file}: is {what}") from None
        why = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{file}: no file of torch.save, or cut off ({why})") from None


def read_plain_pickle(file: Path) -> PickledFile:
    """As `read_pickle`. ModelError, too, where it asks for more than torch's `weights_only` gives."""
    read = read_pickle(file)
    if read.foreign:
        raise ModelError(
            f"{file}: refused: it would run {read.foreign[0]}, which no tensors need; take the same as .safetensors"
        )
    return read


def pickled_tensors(file: Path) -> dict[str, Tensor]:
    """Type and shape of each tensor in a file of weights, by name; errors as `read_plain_pickle`.

    Those under STATE_DICT where there is such a dict. Tensors in other dicts have its key and a dot before their names:
    IP-Adapters are pickled so, as `image_proj` and `ip_adapter`.
    """
    read = read_plain_pickle(file)
    value = read.value if isinstance(read.value, dict) else {}
    inside = [key for key, held in value.items() if isinstance(held, dict) and key != "_metadata"]
    if STATE_DICT in inside:
        return read.tensors(STATE_DICT)
    tensors = read.tensors()
    for key in inside:
        tensors |= {f"{key}.{inner}": tensor for inner, tensor in read.tensors(str(key)).items()}
    return tensors


def pickle_note(what: str) -> str:
    """The line about weights that come from a pickle without anything else in it."""
    return f"{what}: a pickle, read with weights_only; safetensors would be safer"


def shown(value: Any) -> str:
    """What a file holds, in a short line: written out, a list of lists that each hold the last one twice has no end."""
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a number too large"
    short = reprlib.Repr()
    short.maxlevel = 2
    return short.repr(value)


def _described(value: Any) -> Tensor | None:
    """None for what is no tensor."""
    if isinstance(value, StandIn) and value.name == PARAMETER and value.arguments:
        value = value.arguments[0]
    if not isinstance(value, StandIn) or value.name not in TENSORS:
        return None
    match value.arguments:
        case (Storage(dtype), int(), tuple(shape), *_) if all(isinstance(side, int) for side in shape):
            return Tensor(dtype, shape)
    return None


def _zipped(stream: IO[bytes]) -> bytes:
    with zipfile.ZipFile(stream) as archive:
        inside = next((name for name in archive.namelist() if name.endswith("data.pkl")), "")
        if not inside:
            raise ValueError("a zip file without data.pkl")
        if archive.getinfo(inside).file_size > MAX_PICKLE:
            raise ValueError("its data.pkl is too long")
        return archive.read(inside)


def _read_legacy(stream: IO[bytes]) -> PickledFile:
    """As torch wrote before 1.6: some pickles one after the other, then the numbers."""
    if stream.read(1) != pickle.PROTO:
        raise ValueError("neither a zip file nor a pickle")
    stream.seek(0)
    read = [_read(stream) for _ in range(LEGACY_PARTS)]
    last = _read(stream)
    return PickledFile(last.value, tuple(dict.fromkeys(name for part in (*read, last) for name in part.names)))


def _read(stream: IO[bytes]) -> PickledFile:
    names: dict[str, None] = {}
    known = {"collections.OrderedDict": Table}

    # In Python: the one in C takes gigabytes when a broken file numbers what it remembers in billions.
    class Reader(pickle._Unpickler):
        dispatch = pickle._Unpickler.dispatch | {
            code[0]: _as_row(pickle._Unpickler.dispatch[code[0]])
            for code in (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
        }

        def find_class(self, module: str, name: str) -> Callable[..., Any]:
            # torch.save writes the names of Python 2, and `os` by the name of the system that it is on.
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
            full = _printable(f"{SYSTEMS.get(module, module)}.{name}")
            names.setdefault(full)
            return known.get(full) or type("StandIn", (StandIn,), {"name": full})

        def persistent_load(self, given: Any) -> Storage:
            # ("storage", its class, key, place, count)
            kind = given[1].name.rpartition(".")[2].removesuffix("Storage")
            return Storage(DTYPES.get(kind, kind.lower()), str(given[2]))

    return PickledFile(Reader(stream, encoding="utf-8", errors="replace").load(), tuple(names))


def _as_row(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """The opcode that leaves a tuple on the stack, with a `Row` in its place."""

    def loaded(reader: Any) -> None:
        load(reader)
        reader.stack[-1] = Row(reader.stack[-1])

    return loaded


def _printable(name: str) -> str:
    """For one line of a terminal."""
    return "".join(each if each.isprintable() else "?" for each in name[:MAX_NAME])
