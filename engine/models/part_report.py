"""Reports the parts of a model on disk and what is missing, from file headers. Does not load
torch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.libraries import require_libraries
from engine.models.tensor_file import Q8, TensorInfos

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    name: str
    """unet, vae, text_encoder, or for example `lora glass`."""
    parameters: int
    """Number of weights."""
    dtype: str
    """Dtype on disk: float16, float32, ...; if mixed, the most common first."""
    files: tuple[str, ...]
    is_pickle: bool = False


@dataclass(slots=True, kw_only=True)
class ModelReport:
    """The parts of a model, and the memory of its weights, without activations."""

    model: str
    path: Path
    parts: tuple[PartReport, ...] = ()
    """The parts that were found."""
    missing: tuple[str, ...] = ()
    """Missing, broken or unsupported parts, one line each, with how to get them or what to use
    instead."""
    notes: tuple[str, ...] = ()
    """Messages for the user, one line each."""

    @property
    def is_complete(self) -> bool:
        return not self.missing

    def memory_bytes(self, dtype: str) -> int:
        """Bytes of all weights that were found, in this dtype, a key of BYTES."""
        return BYTES[dtype] * sum(part.parameters for part in self.parts)

    def require_complete(self) -> None:
        """Raise ModelError, in one line, if something is missing: libraries first, then files."""
        require_libraries()
        if not self.is_complete:
            raise ModelError(missing_message(self.model, self.missing))

    def as_json(self) -> dict[str, Any]:
        """All fields as plain values for JSON."""
        return asdict(self) | {"path": str(self.path)}


def missing_message(model: str, missing: Sequence[str]) -> str:
    """One line with the first of `missing` (which is not empty) and the number of others."""
    first, *others = missing
    more = f" (and {len(others)} more: multiverse model check {model})" if others else ""
    return f"{'' if first.startswith(model) else f'{model}: '}{first}{more}"


class Problems(list[str]):
    """The problems found by a check, one line each, without duplicates."""

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Catch a ModelError raised in the `with` block and add it to the list."""
        try:
            yield
        except ModelError as error:
            if str(error) not in self:
                self.append(str(error))


def describe_part(
    part: str, tensors: TensorInfos, *files: object, is_pickle: bool = False
) -> PartReport:
    """The report of a part, with its weights counted. `files`: paths, or anything that is a path as
    text."""
    numbers: Counter[str] = Counter()
    for tensor in tensors.values():
        # Larger integers are position tables, not weights.
        if "float" in tensor.dtype or tensor.dtype in ("int8", Q8):
            numbers[tensor.dtype] += tensor.count
    dtypes = " + ".join(dtype for dtype, _ in numbers.most_common())
    return PartReport(
        name=part,
        parameters=numbers.total(),
        dtype=dtypes,
        files=tuple(map(str, files)),
        is_pickle=is_pickle,
    )
