"""The options about Stable Diffusion that `multiverse sd` and `multiverse video` share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UsageError
from engine.jobs.kit.options import check_number, option
from engine.live.sd.entry import SdConfig
from engine.models.sd.painting import MAX_GUIDANCE, MAX_STEPS
from engine.models.sd.plan.sampler_choice import SAMPLERS
from engine.system.run_option import option_help
from osc_schema.sd import declared, default_of

if TYPE_CHECKING:
    from engine.models.sd import ModelSpec
    from engine.models.sd.plan.model_plan import ModelPlan

USUAL = "(default: what the model's authors recommend)"
# Texts of options that each command has with its own range or default.
PROMPT = "Prompt: what the picture should show."
SEED = "Seed of the noise."
IP_SCALE = "How closely the result follows --ip-image."
USUAL_IP_SCALE = default_of("ip_adapter/scale")


_STRENGTH = declared("strength")
_CONFIGURED = ("vae", "unet", "sampler", "prediction")
"""Options that are keys of [sd] too."""


def _first_sentence(name: str) -> str:
    """The first sentence about `/sd/NAME`. The commands allow more steps and guidance than there is
    time for live, and take what the model's authors recommend by default."""
    return f"{declared(name).description.partition('. ')[0]}."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The options of both commands: the model, its additions, the negative prompt. Each adds its
    own in a subclass."""

    model: str | None = option(
        None, "Diffusers folder, .safetensors file or Hugging Face id.", metavar="PATH|ID"
    )
    config: Path | None = option(
        None,
        "Take the model options, --device and --dtype from [sd] in this file.",
        metavar="FILE.toml",
    )
    negative: str = option(
        "",
        "Negative prompt: what the picture should not show; needs a guidance scale above 1.",
        metavar="TEXT",
    )
    vae: str | None = option(None, **option_help(SdConfig, "vae"))
    unet: str | None = option(None, **option_help(SdConfig, "unet"))
    steps: int | None = option(
        None, f"{_first_sentence('steps')} {USUAL}", metavar=f"1..{MAX_STEPS}"
    )
    strength: float = option(
        _STRENGTH.default,
        _first_sentence("strength"),
        metavar=f"{_STRENGTH.low:g}..{_STRENGTH.high:g}",
    )
    guidance: float | None = option(
        None,
        f"{_first_sentence('guidance')} {USUAL}",
        flags="--guidance --cfg",
        metavar=f"0..{MAX_GUIDANCE:g}",
    )
    sampler: str | None = option(None, **option_help(SdConfig, "sampler"))
    prediction: str | None = option(None, **option_help(SdConfig, "prediction"))
    lora: tuple[str, ...] = option(
        (),
        "A LoRA, repeatable; <lora:NAME:0.8> in a prompt sets its weight.",
        metavar="PATH[=WEIGHT]",
    )
    embedding: tuple[str, ...] = option(
        (), "A textual inversion embedding, repeatable.", metavar="PATH"
    )
    clip_skip: int | None = option(
        None,
        "Layer of the text encoder to use, counted from the end; 0: the model's default.",
        low=0,
        high=12,
    )
    controlnet: tuple[str, ...] = option((), "A ControlNet, repeatable.", metavar="PATH[=SCALE]")
    ip_adapter: str | None = option(None, "An IP-Adapter; needs --ip-image.", metavar="PATH")
    ip_image: Path | None = option(None, "Reference picture of the IP-Adapter.", metavar="FILE")

    def configured(self) -> SdConfig:
        """[sd] of the configuration file, or its defaults without a file."""
        from engine.config import build_config, read_config_file

        configured: SdConfig = build_config(
            read_config_file(self.config) if self.config else {}
        ).models["sd"]
        return configured

    def spec(
        self, configured: SdConfig, *, needs_ip_image: bool = True, **others: Any
    ) -> "ModelSpec":
        """The model: options override the configuration. `others`: fields of ModelSpec; None means
        as configured."""
        from engine.models.sd import ModelSpec

        self._check_numbers()
        overrides = {name: getattr(self, name) for name in _CONFIGURED} | others
        loras = _with_numbers(self.lora, "--lora")
        spec = ModelSpec(
            model=self.model or configured.model,
            loras=tuple(loras) or tuple((lora.path, lora.weight) for lora in configured.loras),
            controlnets=tuple(path for path, _ in self._controls()) or configured.controlnets,
            ip_adapter=configured.ip_adapter if self.ip_adapter is None else self.ip_adapter,
            image_encoder=configured.image_encoder if self.ip_adapter is None else "",
            embeddings=self.embedding or tuple(configured.embeddings),
            clip_skip=configured.clip_skip if self.clip_skip is None else self.clip_skip,
            **{name: getattr(configured, name) for name in _CONFIGURED}
            | {name: value for name, value in overrides.items() if value is not None},
        )
        require_known(spec.sampler, spec.prediction)
        has_image = self.ip_image is not None
        if spec.model and has_image != bool(spec.ip_adapter) and (needs_ip_image or has_image):
            raise UsageError("--ip-adapter PATH and --ip-image FILE belong together")
        return spec

    def _check_numbers(self) -> None:
        check_number("--steps", 1 if self.steps is None else self.steps, 1, MAX_STEPS)
        check_number("--strength", self.strength, _STRENGTH.low, _STRENGTH.high)
        check_number(
            "--guidance", 1.0 if self.guidance is None else self.guidance, 0.0, MAX_GUIDANCE
        )

    def steps_and_guidance(
        self, spec: "ModelSpec", plan: "ModelPlan | None" = None
    ) -> tuple[int, float]:
        """Steps and guidance: the options, else what the model's authors recommend. `plan`: the
        model's, if known."""
        from engine.models.sd.plan.model_plan import recommended_settings_for

        usual = recommended_settings_for(spec, plan)
        steps = usual.steps if self.steps is None else self.steps
        return steps, usual.guidance if self.guidance is None else self.guidance

    def control_scales(self, spec: "ModelSpec") -> list[float]:
        """The scale of each ControlNet of `spec`; configured ones have 1."""
        return [scale for _, scale in self._controls()] or [1.0] * len(spec.controlnets)

    def _controls(self) -> list[tuple[str, float]]:
        return _with_numbers(self.controlnet, "--controlnet")


def require_known(sampler: str, prediction: str) -> None:
    """Raise UsageError for an unknown value of `--sampler` or `--prediction`."""
    from engine.models.sd.plan.prediction import PREDICTION_NAMES

    if sampler not in SAMPLERS:
        raise UsageError(f"--sampler {sampler}: not one of {', '.join(SAMPLERS)}")
    if prediction not in ("auto", *PREDICTION_NAMES):
        raise UsageError(f"--prediction {prediction}: not one of auto, epsilon, v, flow")


def _with_numbers(texts: Sequence[str], option: str) -> list[tuple[str, float]]:
    """Each `PATH=0.5` as (PATH, 0.5); without a number, 1. The path itself may contain =."""
    return [_split_number(text, option) for text in texts]


def _split_number(text: str, option: str) -> tuple[str, float]:
    path, has_number, number = text.rpartition("=")
    if not has_number:
        return text, 1.0
    try:
        return path, float(number)
    except ValueError:
        if Path(text).exists():
            return text, 1.0
        raise UsageError(f"{option}: {number!r} in {text!r} is not a number (PATH=0.8)") from None
