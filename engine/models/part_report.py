"""What a model on disk is made of and what it lacks, told from file headers. Does not load torch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from engine.errors import ModelError
from engine.models.libraries import require_libraries
from engine.models.safetensors_header import Tensor

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    name: str
    """unet, vae, text_encoder, or such as `lora glass`."""
    parameters: int | None
    """None where only a pickle is there that is not counted."""
    dtype: str
    """On disk: float16, float32, ..., the commonest first where mixed."""
    files: tuple[str, ...]
    is_pickle: bool = False

    def memory_bytes(self, dtype: str) -> int | None:
        """Bytes of its weights in a dtype of BYTES."""
        return None if self.parameters is None else self.parameters * BYTES[dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Weights only: what is in work comes on top."""

    model: str
    path: str
    parts: tuple[PartReport, ...]
    """As far as they are there."""
    missing: tuple[str, ...]
    """What is absent or broken, a line each, with how to get it."""
    notes: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return not self.missing

    def memory_bytes(self, dtype: str) -> int:
        """Bytes of all weights that are there, in a dtype of BYTES."""
        return sum(part.memory_bytes(dtype) or 0 for part in self.parts)

    def require_complete(self) -> None:
        """ModelError, in one line, for what is missing: libraries first, then files."""
        require_libraries()
        if not self.is_complete:
            raise ModelError(first_missing(self.model, self.missing))


def first_missing(model: str, missing: Sequence[str]) -> str:
    """The first of `missing`, which has at least one, and how many more there are, in one line."""
    first, *others = missing
    more = f" (and {len(others)} more: multiverse model check {model})" if others else ""
    return f"{'' if first.startswith(model) else f'{model}: '}{first}{more}"


class Missing(list[str]):
    """What a check finds missing, a line each, every line once."""

    @contextmanager
    def listed(self) -> Iterator[None]:
        """A ModelError inside goes on the list; the rest of the check goes on."""
        try:
            yield
        except ModelError as error:
            if str(error) not in self:
                self.append(str(error))


def counted_part(part: str, tensors: dict[str, Tensor], files: tuple[str, ...]) -> PartReport:
    numbers: Counter[str] = Counter()
    for tensor in tensors.values():
        if "float" in tensor.dtype:  # integers are tables of positions, no weights
            numbers[tensor.dtype] += tensor.count
    dtypes = " + ".join(dtype for dtype, _ in numbers.most_common())
    return PartReport(name=part, parameters=numbers.total(), dtype=dtypes, files=files)
