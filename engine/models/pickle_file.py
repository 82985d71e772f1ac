"""Reads files written by torch.save, without executing them.

A pickle is a program: the opcode GLOBAL imports a function, and REDUCE calls it. For the header
every imported name becomes a `PickleStub`, which accepts any call and does nothing; a tensor is
described by its constructor's arguments. Only a file that imports no other names than its kind
needs is then read by torch's restricted unpickler, which runs no code either.
"""

import math
import pickle
import re
import reprlib
import struct
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

from engine.errors import ModelError
from engine.models.not_a_model import AGAIN, not_a_model
from engine.models.tensor_file import (
    TensorFile,
    TensorInfo,
    TensorInfos,
    TensorsOnDemand,
    reading_device,
)
from engine.system.small_file import open_regular
from engine.system.translate_errors import reason_of

if TYPE_CHECKING:
    import torch

STATE_DICT = "state_dict"
"""Key of the tensors in files of PyTorch Lightning; other files are the dict itself."""
_METADATA = "_metadata"
"""Key of a module's versions beside its tensors."""
TENSORS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
PARAMETER = "torch._utils._rebuild_parameter"
PARAMETER_DICT = "torch.nn.modules.container.ParameterDict"
"""A class that old embeddings contain. torch.load refuses it by default."""
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
    pickle.UnpicklingError,
    struct.error,
    zlib.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
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


def plain_dict(*arguments: Any) -> dict[Any, Any]:
    """An empty dict instead of a defaultdict: torch fills no other."""
    return {}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PickleLayout:
    """Where a kind of pickle has its tensors, and what it may import."""

    kind: str = "file of tensors"
    """Its kind, for errors."""
    advice: str = ""
    """End of the error about a file that would run code."""
    keys: tuple[str, ...] = ()
    """Keys of the inner dict with the tensors. The first that is there counts; without one, the
    tensors are in the outer dict."""
    has_groups: bool = False
    """True if tensors in other inner dicts count, too, with their key and a dot before their
    names: IP-Adapters are pickled that way, as `image_proj` and `ip_adapter`."""
    is_mapped: bool = False
    """True if torch maps a file into memory, because it is large. Others are read: programs for
    training overwrite them while they are in use."""
    stubs: Mapping[str, Any] = field(default_factory=dict)
    """Stand-ins for imported classes, by patterns of their names."""

    def entries(self, content: Any) -> dict[str, Any]:
        """The entries of the dict with the tensors, by name; {} if a file holds no dict."""
        if not isinstance(content, Mapping):
            return {}
        for key in self.keys:
            if isinstance(content.get(key), Mapping):
                content = content[key]
                return {str(name): entry for name, entry in content.items()}
        entries = {str(name): entry for name, entry in content.items()}
        if self.has_groups:
            for key, group in content.items():
                if isinstance(group, Mapping) and key != _METADATA:
                    entries |= {f"{key}.{name}": entry for name, entry in group.items()}
        return entries

    def tensors(self, content: Any) -> TensorInfos:
        """Dtype and shape of each tensor, by name, in the scanned content of a file."""
        described = {name: _tensor_info(entry) for name, entry in self.entries(content).items()}
        return {name: tensor for name, tensor in described.items() if tensor is not None}

    def stub_of(self, name: str) -> Any:
        """The stand-in for this class; None if no file of this kind needs it."""
        return next((self.stubs[each] for each in self.stubs if re.fullmatch(each, name)), None)


OUTER: Final = PickleLayout()
"""The tensors of the outer dict."""
WEIGHTS: Final = PickleLayout(
    advice="; use a .safetensors version of it",
    keys=(STATE_DICT,),
    has_groups=True,
    is_mapped=True,
)
"""Any file of weights."""


@dataclass(frozen=True, slots=True)
class ScannedPickle:
    content: Any
    """The saved value: dicts, lists, numbers and strings; everything else is a `PickleStub`."""
    names: tuple[str, ...]
    """Classes and functions that it imports, as module and name, in file order."""

    @property
    def foreign(self) -> tuple[str, ...]:
        """The imported names that a file of tensors does not need."""
        return tuple(name for name in self.names if not _PLAIN.fullmatch(name))


class PickleFile(TensorFile):
    """A file written by torch.save."""

    is_pickle = True

    def __init__(self, path: Path, layout: PickleLayout = WEIGHTS, name: str = "") -> None:
        """`name`: instead of the path, in the error about a file that would run code."""
        super().__init__(path)
        self._layout = layout
        self._name = name or str(path)

    @cached_property
    def scanned(self) -> ScannedPickle:
        """The content and the imports of the file, which are not checked yet. ModelError as from
        `read_pickle`."""
        return read_pickle(self.path)

    @property
    def content(self) -> Any:
        """The saved value as in `scanned`. ModelError if the file would run code."""
        self._require_stubs()
        return self.scanned.content

    @cached_property
    def tensors(self) -> TensorInfos:
        return self._layout.tensors(self.content)

    def stored_bytes(self, name: str) -> tuple[str, bytes]:
        match self._layout.entries(self.content).get(name):
            case PickleStub(arguments=(Storage(dtype, key), int(offset), tuple(shape), *_)):
                width_bytes = {"float64": 8, "float32": 4}.get(dtype, 2)
            case _:
                return "", b""
        with open_regular(self.path) as packed:
            if not zipfile.is_zipfile(packed):
                return "", b""
            with zipfile.ZipFile(packed) as archive:
                suffix = f"/data/{key}"
                part = next((each for each in archive.namelist() if each.endswith(suffix)), None)
                if part is None:
                    return "", b""
                with archive.open(part) as stream:
                    stream.seek(offset * width_bytes)
                    return dtype, stream.read(math.prod(shape) * width_bytes)

    @contextmanager
    def opened(
        self, device: "torch.device | str" = "cpu"
    ) -> Iterator[Mapping[str, "torch.Tensor"]]:
        import torch

        source = reading_device()
        may_map = self._layout.is_mapped and source != "meta"
        with torch.serialization.safe_globals(self._require_stubs()):
            content = torch.load(
                self.path,
                map_location=source,
                weights_only=True,
                mmap=may_map and zipfile.is_zipfile(self.path),
            )
        entries = self._layout.entries(content)
        tensors = {name: each for name, each in entries.items() if isinstance(each, torch.Tensor)}
        if source == "meta":
            yield tensors
        else:
            yield TensorsOnDemand(tensors, lambda name: tensors[name].to(device))

    def _require_stubs(self) -> list[Any]:
        """The stub of each class that the file imports besides tensors, with its name. ModelError
        if there is none for a name."""
        stubs: list[Any] = []
        for name in self.scanned.foreign:
            stub = self._layout.stub_of(name)
            if stub is None:
                kind = self._layout.kind
                raise ModelError(
                    f"{self._name}: refused: it would run {name}, which no {kind} "
                    f"needs{self._layout.advice}"
                )
            stubs.append((stub, name))
        return stubs


def read_pickle(file: Path) -> ScannedPickle:
    """Read a file written by torch.save, without its tensors' values. ModelError in one line if it
    is not one, or is truncated."""
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


def type_name(content: Any) -> str:
    """The name of the type of a scanned value, for errors."""
    if isinstance(content, Row):
        return "tuple"
    return "Tensor" if _tensor_info(content) else type(content).__name__


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
        case (Storage(dtype), int(), tuple(shape), *_):
            is_shape = all(isinstance(side, int) for side in shape)
            return TensorInfo(dtype, shape) if is_shape else None
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


def _read_legacy(stream: IO[bytes]) -> ScannedPickle:
    """The format before torch 1.6: several pickles one after the other, then the weights."""
    if stream.read(1) != pickle.PROTO:
        raise ValueError("neither a zip file nor a pickle")
    stream.seek(0)
    parts = [_read(stream) for _ in range(LEGACY_PARTS + 1)]
    names = dict.fromkeys(name for part in parts for name in part.names)
    return ScannedPickle(parts[-1].content, tuple(names))


def _read(stream: IO[bytes]) -> ScannedPickle:
    reader = _Reader(stream)
    content = reader.load()
    return ScannedPickle(content, tuple(reader.names))


def _limit_opcodes(load: Callable[[Any], None], is_tuple: bool) -> Callable[[Any], None]:
    """Wrap an opcode so that a pickle has at most MAX_OPCODES of them, and one that pushes a tuple
    pushes a `Row`."""

    def loaded(reader: Any) -> None:
        reader.steps += 1
        if reader.steps > MAX_OPCODES:
            raise ValueError("too many objects")
        load(reader)
        if is_tuple:
            reader.stack[-1] = Row(reader.stack[-1])

    return loaded


# The pure Python unpickler: the one in C allocates gigabytes if a broken file has memo numbers in
# the billions.
class _Reader(pickle._Unpickler):
    """Reads one pickle, with stubs for all that it imports."""

    dispatch: ClassVar[dict[int, Any]] = {
        code: _limit_opcodes(load, code in _TUPLES)
        for code, load in pickle._Unpickler.dispatch.items()
    }

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, encoding="utf-8", errors="replace")
        self.steps = 0
        self.names: dict[str, None] = {}
        """Imported names, in file order."""
        self._classes: dict[str, type] = {
            "collections.OrderedDict": Table,
            PARAMETER_DICT: Parameters,
        }

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        # torch.save writes Python 2 names, and the name of the operating system's module for `os`.
        module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        full = f"{SYSTEMS.get(module, module)}.{name}"[:MAX_NAME]
        # It is shown in a terminal.
        full = "".join(each if each.isprintable() else "?" for each in full)
        self.names.setdefault(full)
        if len(self.names) > MAX_NAMES:
            raise ValueError("too many names")
        if full not in self._classes:
            self._classes[full] = type("PickleStub", (PickleStub,), {"name": full})
        return self._classes[full]

    def persistent_load(self, pid: Any) -> Storage:
        # ("storage", its class, key, device, count)
        kind = str(pid[1].name).rpartition(".")[2].removesuffix("Storage")
        return Storage(DTYPES.get(kind, kind.lower()), str(pid[2]))
