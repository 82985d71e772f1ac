"""Finds the weight files of a folder as the libraries' `from_pretrained` does, and reads their
headers. No torch."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import MAX_LINE, ModelError
from engine.models.libraries import require_libraries
from engine.models.not_a_model import AGAIN, not_a_model
from engine.system.file_names import names_device
from engine.system.small_file import open_regular, parse_json, read_json

# 8 bytes little-endian length, then that much JSON: https://github.com/huggingface/safetensors
# (format)
_LENGTH_BYTES = 8
MAX_HEADER_BYTES = (
    16 << 20
)  # the format allows 100 MB; this is ten times SDXL's header, and is parsed within a second
_NOT_TEXT = "expected a string at"  # the library's words for metadata that are numbers or lists
# the library's words for a file that is shorter or longer than its header says
_NOT_COVERED = "file not fully covered"
MAX_SIDES = 16
MAX_SIDE = 1 << 40
DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I64": "int64", "I8": "int8", "U8": "uint8",
}  # fmt: skip
NUMPY = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFiles:
    """The weight files of one part, as `from_pretrained` finds them for this variant."""

    files: tuple[Path, ...]
    variant: str | None
    is_pickle: bool


def find_weights(folder: Path, *, wants_half: bool = False) -> WeightFiles | None:
    """The weight files of a folder, or None. Prefers safetensors to pickles, and half precision if
    `wants_half`. ModelError if an index lists a file that is missing."""
    for suffix in ("safetensors", "bin"):
        for variant in ("fp16", None) if wants_half else (None, "fp16"):
            middle = f".{variant}" if variant else ""
            for stem in ("diffusion_pytorch_model", "model", "pytorch_model"):
                whole = folder / f"{stem}{middle}.{suffix}"
                files = (
                    (whole,)
                    if whole.is_file()
                    else _shards(folder / f"{stem}.{suffix}.index{middle}.json")
                )
                if files:
                    return WeightFiles(files=files, variant=variant, is_pickle=suffix == "bin")
    return None


def _shards(index: Path) -> tuple[Path, ...]:
    """The files listed in `index`, sorted; none without an index, which the libraries need too."""
    try:
        content = read_json(index)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise ModelError(f"{index}: cannot be read ({error})") from None
    named = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise ModelError(f"{index}: lists no files (weight_map)")
    names = sorted({str(name) for name in named.values()})
    if devices := [name for name in names if names_device(name)]:
        raise ModelError(
            f"{index}: names {devices[0]!r}, which Windows reserves for a device; rename it"
        )
    if away := [
        name for name in names if Path(name).name != name or not (index.parent / name).is_file()
    ]:
        raise ModelError(
            f"{index.parent}: {away[0]} is missing, one of {len(names)} files listed in "
            f"{index.name}; download it"
        )
    return tuple(index.parent / name for name in names)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Dtype and shape of a stored tensor, from a file's header."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of values in the tensor."""
        return math.prod(self.shape)

    @property
    def T(self) -> "TensorInfo":
        """As torch's: the other way round."""
        return TensorInfo(self.dtype, self.shape[::-1])

    def chunk(self, count: int) -> list["TensorInfo"]:
        """As torch's: its parts along the first side."""
        rows = tuple(side // count for side in self.shape[:1])
        return [TensorInfo(self.dtype, (*rows, *self.shape[1:]))] * count


def read_header(file: Path) -> dict[str, TensorInfo]:
    """Tensors of a safetensors file by name, in its order, without weights. ModelError if damaged
    or truncated."""
    return read_header_and_metadata(file)[0]


def read_header_and_metadata(file: Path) -> tuple[dict[str, TensorInfo], dict[str, str]]:
    """The tensors of `read_header`, and the file's metadata strings."""
    with _open(file) as archive:
        metadata = dict(archive.metadata() or {})
        slices = {name: archive.get_slice(name) for name in archive.offset_keys()}
        dtypes = {name: str(each.get_dtype()) for name, each in slices.items()}
        tensors = {
            name: TensorInfo(DTYPES.get(dtypes[name], dtypes[name]), tuple(each.get_shape()))
            for name, each in slices.items()
        }
    # Where one side is 0, the library takes any number of others, of any size.
    if any(
        len(each.shape) > MAX_SIDES or max(each.shape, default=0) > MAX_SIDE
        for each in tensors.values()
    ):
        raise ModelError(f"{file}: damaged: an invalid shape; {AGAIN}")
    return tensors, metadata


def read_tensor_bytes(file: Path, name: str) -> tuple[str, bytes]:
    """The dtype of one tensor and its stored bytes, little-endian; errors as in `read_header`. Not
    by the library, which has no bfloat16 without torch."""
    with _open(file), open_regular(file) as stream:
        length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        entry = parse_json(stream.read(length))[name]
        begin, end = entry["data_offsets"]
        stream.seek(_LENGTH_BYTES + length + begin)
        dtype = str(entry["dtype"])
        return DTYPES.get(dtype, dtype), stream.read(end - begin)


def decode_numbers(dtype: str, raw: bytes | bytearray) -> np.ndarray:
    """Stored numbers of a dtype in NUMPY, flat; bfloat16 as float32."""
    numbers = np.frombuffer(raw, NUMPY[dtype])
    return (numbers.astype("<u4") << 16).view("<f4") if dtype == "bfloat16" else numbers


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    """The file opened by the library, which compares header and size, and loads no torch for
    NumPy."""
    require_libraries()
    from safetensors import SafetensorError, safe_open

    try:
        with open_regular(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(size - _LENGTH_BYTES, MAX_HEADER_BYTES):
            what = not_a_model(file)
            raise ModelError(
                f"{file}: is {what}"
                if what
                else f"{file}: not a safetensors file, or truncated; {AGAIN}"
            )
        with safe_open(str(file), framework="numpy") as archive:
            yield archive
    except (
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:  # all but the first: what only Python refuses
        reason = " ".join(str(error).split())[:MAX_LINE].removeprefix(
            "Error while deserializing header: "
        )
        if reason.startswith("invalid JSON in header: unknown variant"):
            what = "has a number format that the installed safetensors cannot read"
            raise ModelError(f"{file}: {what}; use the file in float16") from None
        if _NOT_TEXT in reason:
            what = "its metadata holds other things than texts, which safetensors refuses"
            raise ModelError(f"{file}: {what}; save it again without metadata") from None
        if _NOT_COVERED in reason and (end := _end_of_tensors(file)) < (
            size := file.stat().st_size
        ):
            what = (
                f"is {size - end} bytes longer than its header says: something was appended to it"
            )
            raise ModelError(f"{file}: {what}; cut it to {end} bytes") from None
        raise ModelError(f"{file}: damaged or truncated ({reason}); {AGAIN}") from None
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror or error})") from None


def _end_of_tensors(file: Path) -> int:
    """The size that a safetensors file should have by its header, in bytes; very large if the
    header is broken."""
    try:
        with open_regular(file) as stream:
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            entries = parse_json(stream.read(length))
        ends = [
            entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"
        ]
        return _LENGTH_BYTES + length + int(max(ends, default=0))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return MAX_SIDE


def format_shape(sides: Sequence[int | None]) -> str:
    """A shape as text: "320 x 4"; "any" for a side that is None; "one number" for no sides."""
    return " x ".join("any" if side is None else str(side) for side in sides) or "one number"
