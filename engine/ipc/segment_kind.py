"""A kind of shared memory segment, and the structure of its header that a table of layout.py
describes."""

from dataclasses import dataclass
from typing import Final

import numpy as np

MAGIC_START: Final = b"MV"


@dataclass(frozen=True, slots=True)
class SegmentKind:
    title: str
    """Name in messages."""
    magic: bytes
    """Eight bytes that begin with MAGIC_START; without trailing zeros, as NumPy returns them."""
    version: int
    header: np.dtype
    """The head and the fields of the kind."""

    def field_index(self, field: str) -> int:
        """Index of an 8-byte field in the header as an array of 8-byte fields."""
        return int(self.header.fields[field][1]) // 8  # type: ignore[index]  # `fields` is None only for dtypes without fields


def dtype_of(table: str, size: int) -> np.dtype:
    """The structure of `size` bytes that a table describes: offset, type and name of a field in
    each line."""
    rows = [line.split()[:3] for line in table.splitlines() if line]
    offsets, formats, names = zip(
        *sorted((int(offset), f"<{type_}", name) for offset, type_, name in rows), strict=True
    )
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
