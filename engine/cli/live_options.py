"""The options of `multiverse run` for a live model. Each model declares its own, in a file of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from engine.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """The first field is the model, `--NAME`; the names of the others begin with NAME and an underscore."""

    name: ClassVar[str]
    """Name of the option that takes the model, and of the table in the configuration."""
    purpose: ClassVar[str]
    """Purpose of the options, for error messages."""

    def settings(self) -> dict[str, Any]:
        """The given values by key of the configuration, such as `sd.video`."""
        start = f"{self.name}_"
        return {
            f"{self.name}.{name.removeprefix(start) if name.startswith(start) else 'model'}": value
            for name, value in self._given().items()
        }

    def assignments(self) -> list[str]:
        """`ADDRESS=VALUE` of the parameters that these options set."""
        return []

    @staticmethod
    def implied(given: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
        """Settings that follow from other settings and from the configuration file, unless they are given."""
        return {}

    def require_model(self, model: str) -> None:
        """Raise UsageError for an option that has no effect. `model`: as configured; "" for none."""
        if not model and (given := self._given()):
            option, takes = next(iter(given)).replace("_", "-"), fields(self)[0].metadata["option"].metavar
            raise UsageError(f"--{option} is for {self.purpose}: it needs --{self.name} {takes}")

    def _given(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, ())}
