"""Reads the structure of files written by torch.save, without torch and without executing them.

A pickle is a program: the opcode GLOBAL imports a function, and REDUCE calls it. Here every
imported name becomes a `PickleStub`, which accepts any call and does nothing; a tensor is described
by its constructor's arguments. Weights are never read.
"""

import pickle
import re
import reprlib
import struct
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import IO, Any, ClassVar

from engine.errors import ModelError
from engine.models.not_a_model import AGAIN, not_a_model
from engine.models.weight_files import TensorInfo
from engine.system.small_file import open_regular
from engine.system.translate_errors import reason_of

STATE_DICT = "state_dict"
"""Key of the tensors in files of PyTorch Lightning; other files are the dict itself."""
TENSORS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
PARAMETER = "torch._utils._rebuild_parameter"
PARAMETER_DICT = "torch.nn.modules.container.ParameterDict"
"""A class that old embeddings contain. torch.load refuses it by default, and so does
`read_pickled_tensors`."""
# Names that torch.load allows with weights_only.
_PLAIN = re.compile(
    r"torch\.(\w+Storage|Size|Tensor|device|b?float\w*|u?int\d+|bool)|torch\.storage\.\w+Storage"
    r"|torch\._utils\._rebuild_\w+|torch\.nn\.parameter\.Parameter|torch\.serialization\._get_layout"
    r"|collections\.(OrderedDict|Counter)|_codecs\.encode|builtins\.(set|bytearray|complex)"
)
DTYPES = {
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Double": "float64",
    "Long": "int64",
}
TRAINING = re.compile(
    r"(fairseq|omegaconf|hydra|contentvec|numpy)\..+|argparse\.Namespace|typing\.Any|enum\.\w+|pathlib\.\w+"
    r"|builtins\.(dict|list|tuple|int|float|str|bool)|collections\.defaultdict"
)
"""Classes of training code that fairseq pickles together with a HuBERT's tensors."""
SYSTEMS = {"posix": "os", "nt": "os"}
MAX_PICKLE = 8 << 20
"""Maximum bytes of a pickle: many times what the largest HuBERT needs. A hostile pickle needs far
more memory than it has bytes, and can be compressed a thousandfold."""
MAX_OPCODES = 1 << 19
"""Maximum opcodes of a pickle: eight times what SDXL needs. Each may allocate a kilobyte, for one
byte of the file."""
MAX_NAMES = 1 << 12
MAX_NAME = 200
_TUPLES = frozenset(code[0] for code in (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3))
LEGACY_PARTS = 3  # pickles before the actual one: magic number, protocol, system information
TROUBLES = (
    pickle.UnpicklingError, struct.error, zlib.error, ArithmeticError, AssertionError, AttributeError, EOFError,
    LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""Errors that reading a broken pickle can raise."""


class PickleStub:
    """Stub for an object of any class: stores its constructor's arguments and does nothing."""

    name = ""
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any, **options: Any) -> "PickleStub":
        stub = super().__new__(cls)
        stub.arguments = arguments
        stub.state = None
        return stub

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, *items: Any) -> None:
        """Ignore items: called, like the two aliases below, for objects that behave like a list or
        a dict."""

    extend = __setitem__ = append


class Row(tuple[Any, ...]):
    """A tuple that refuses to be hashed if it is nested. Python hashes a tuple recursively every
    time: 40 tuples, each containing the previous one twice, would take forever as a dict key, in
    torch too."""

    def __hash__(self) -> int:
        if any(isinstance(each, tuple) for each in self):
            raise ValueError("a nested tuple as a key")
        return super().__hash__()


class Table(dict[Any, Any]):
    """An OrderedDict without its attributes (a module's `_metadata`)."""

    def __setstate__(self, state: Any) -> None:
        pass


class Parameters(dict[str, Any]):
    """A torch.nn.ParameterDict, with its parameters by name."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.update(state["_parameters"])


@dataclass(frozen=True, slots=True)
class Storage:
    """The storage of a tensor, which is not read."""

    dtype: str
    key: str = ""
    """Name of its file in the archive, after `data/`."""


@dataclass(frozen=True, slots=True)
class PickledFile:
    value: Any
    """The saved value: dicts, lists, numbers and strings; everything else is a `PickleStub`."""
    names: tuple[str, ...]
    """Classes and functions that it imports, as module and name, in file order."""

    @property
    def foreign(self) -> tuple[str, ...]:
        """The imported names that a file of tensors does not need."""
        return tuple(name for name in self.names if not _PLAIN.fullmatch(name))

    def tensors(self, of: str = "") -> dict[str, TensorInfo]:
        """Dtype and shape of each tensor by name, in the dict at key `of`; "": the top level."""
        entries = self.value.get(of) if of and isinstance(self.value, dict) else self.value
        if not isinstance(entries, dict):
            return {}
        described = {str(key): _tensor_info(value) for key, value in entries.items()}
        return {name: tensor for name, tensor in described.items() if tensor is not None}


def read_pickle(file: Path) -> PickledFile:
    """Read a file written by torch.save. ModelError in one line if it is not one, or is
    truncated."""
    try:
        with open_regular(file) as stream:
            if zipfile.is_zipfile(stream):
                return _read(BytesIO(_read_zipped(stream)))
            stream.seek(0)
            return _read_legacy(BytesIO(stream.read(MAX_PICKLE)))  # the weights come last
    except zipfile.BadZipFile as error:
        raise ModelError(f"{file}: truncated or damaged ({error}); {AGAIN}") from None
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({reason_of(error)})") from None
    except TROUBLES as error:
        if what := not_a_model(file):
            raise ModelError(f"{file}: is {what}") from None
        why = reason_of(error)
        raise ModelError(
            f"{file}: not a file written by torch.save, or truncated ({why}); {AGAIN}"
        ) from None


def refuse_code(file: Path | str, foreign: Sequence[str], kind: str, advice: str = "") -> None:
    """Raise ModelError if a pickle of this kind imports names that it does not need."""
    if foreign:
        raise ModelError(
            f"{file}: refused: it would run {foreign[0]}, which no {kind} needs{advice}"
        )


def read_pickled_tensors(file: Path) -> dict[str, TensorInfo]:
    """Dtype and shape of each tensor in a file of weights, by name. Reads the dict under STATE_DICT
    if there is one. Tensors in other inner dicts get its key and a dot before their names:
    IP-Adapters are pickled that way, as `image_proj` and `ip_adapter`. ModelError as from
    `read_pickle`, and if the file imports more than torch's `weights_only` allows."""
    read = read_pickle(file)
    refuse_code(file, read.foreign, "file of tensors", "; use a .safetensors version of it")
    value = read.value if isinstance(read.value, dict) else {}
    inside = [key for key, entry in value.items() if isinstance(entry, dict) and key != "_metadata"]
    if STATE_DICT in inside:
        return read.tensors(STATE_DICT)
    tensors = read.tensors()
    for key in inside:
        tensors |= {f"{key}.{inner}": tensor for inner, tensor in read.tensors(str(key)).items()}
    return tensors


def pickle_note(what: str) -> str:
    """The note for the user about weights read from a pickle."""
    return f"{what}: a pickle, read with weights_only; safetensors would be safer"


def short_repr(value: Any) -> str:
    """A repr of limited length, because the full repr of hostile nested lists can be exponentially
    long."""
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a number too large"
    short = reprlib.Repr()
    short.maxlevel = 2
    return short.repr(value)


def _tensor_info(value: Any) -> TensorInfo | None:
    """Dtype and shape of a tensor, or None for any other value."""
    if isinstance(value, PickleStub) and value.name == PARAMETER and value.arguments:
        value = value.arguments[0]
    if not isinstance(value, PickleStub) or value.name not in TENSORS:
        return None
    match value.arguments:
        case (Storage(dtype), int(), tuple(shape), *_) if all(
            isinstance(side, int) for side in shape
        ):
            return TensorInfo(dtype, shape)
    return None


def _read_zipped(stream: IO[bytes]) -> bytes:
    with zipfile.ZipFile(stream) as archive:
        inside = next((name for name in archive.namelist() if name.endswith("data.pkl")), "")
        if not inside:
            raise ValueError("a zip file without data.pkl")
        if archive.getinfo(inside).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("its data.pkl is compressed; torch does not read it")
        if archive.getinfo(inside).file_size > MAX_PICKLE:
            raise ValueError("its data.pkl is too long")
        # torch.save compresses nothing, but torch.load would unpack it.
        if sum(each.file_size for each in archive.infolist()) > stream.seek(0, SEEK_END):
            raise ValueError("its parts are compressed; save it again with torch.save")
        return archive.read(inside)


def _read_legacy(stream: IO[bytes]) -> PickledFile:
    """The format before torch 1.6: several pickles one after the other, then the weights."""
    if stream.read(1) != pickle.PROTO:
        raise ValueError("neither a zip file nor a pickle")
    stream.seek(0)
    read = [_read(stream) for _ in range(LEGACY_PARTS)]
    last = _read(stream)
    return PickledFile(
        last.value, tuple(dict.fromkeys(name for part in (*read, last) for name in part.names))
    )


def _read(stream: IO[bytes]) -> PickledFile:
    names: dict[str, None] = {}
    known: dict[str, type] = {"collections.OrderedDict": Table, PARAMETER_DICT: Parameters}

    # The pure Python unpickler: the one in C allocates gigabytes if a broken file has memo numbers
    # in the billions.
    class Reader(pickle._Unpickler):
        dispatch: ClassVar[dict[int, Any]] = {
            code: _limit_opcodes(load, code in _TUPLES)
            for code, load in pickle._Unpickler.dispatch.items()
        }
        steps = 0

        def find_class(self, module: str, name: str) -> Callable[..., Any]:
            # torch.save writes Python 2 names, and the name of the operating system's module for
            # `os`.
            module, name = NAME_MAPPING.get(
                (module, name), (IMPORT_MAPPING.get(module, module), name)
            )
            full = f"{SYSTEMS.get(module, module)}.{name}"[:MAX_NAME]
            full = "".join(
                each if each.isprintable() else "?" for each in full
            )  # it is shown in a terminal
            names.setdefault(full)
            if len(names) > MAX_NAMES:
                raise ValueError("too many names")
            if full not in known:
                known[full] = type("PickleStub", (PickleStub,), {"name": full})
            return known[full]

        def persistent_load(self, pid: Any) -> Storage:
            # ("storage", its class, key, device, count)
            kind = str(pid[1].name).rpartition(".")[2].removesuffix("Storage")
            return Storage(DTYPES.get(kind, kind.lower()), str(pid[2]))

    return PickledFile(Reader(stream, encoding="utf-8", errors="replace").load(), tuple(names))


def _limit_opcodes(load: Callable[[Any], None], is_tuple: bool) -> Callable[[Any], None]:
    """Wrap an opcode so that a pickle has at most MAX_STEPS of them, and one that pushes a tuple
    pushes a `Row`."""

    def loaded(reader: Any) -> None:
        reader.steps += 1
        if reader.steps > MAX_OPCODES:
            raise ValueError("too many objects")
        load(reader)
        if is_tuple:
            reader.stack[-1] = Row(reader.stack[-1])

    return loaded
