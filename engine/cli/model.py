"""`multiverse model`: what a model is and what is missing, before a show and without loading it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from engine.models.diffusion.check import ModelReport

app = typer.Typer(help="Models of Stable Diffusion.", no_args_is_help=True)

FAMILIES = {"sd15": "Stable Diffusion 1.5", "sd21": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}


@app.command()
def check(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="Diffusers folder, .safetensors file or Hugging Face id.")
    ],
    vae: Annotated[str, typer.Option(metavar="auto|taesd|full|PATH", help="As in the configuration.")] = "auto",
    lora: Annotated[list[str] | None, typer.Option(metavar="PATH", help="A LoRA for it, repeatable.")] = None,
    controlnet: Annotated[list[str] | None, typer.Option(metavar="PATH", help="A ControlNet, repeatable.")] = None,
    ip_adapter: Annotated[str, typer.Option(metavar="PATH", help="An IP-Adapter.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a model is, how much memory its weights take, and what is missing. Exit code 1 if anything is."""
    from engine.models.diffusion import ModelSpec
    from engine.models.diffusion.check import check as check_model

    spec = ModelSpec(
        model=path,
        vae=vae,
        loras=tuple((name, 1.0) for name in lora or ()),
        controlnets=tuple(controlnet or ()),
        ip_adapter=ip_adapter,
    )
    report = check_model(spec)
    if as_json:
        import json

        print(json.dumps(_as_dict(report), indent=2, ensure_ascii=False))
    else:
        _print(report)
    if not report.is_complete:
        raise typer.Exit(1)


def _as_dict(report: "ModelReport") -> dict[str, Any]:
    import dataclasses

    memory = {dtype: report.memory_bytes(dtype) for dtype in ("float16", "float32")}
    return dataclasses.asdict(report) | {"is_complete": report.is_complete, "memory_bytes": memory}


def _print(report: "ModelReport") -> None:
    half, full = (f"{report.memory_bytes(dtype) / 2**20:.0f} MiB" for dtype in ("float16", "float32"))
    rows = [
        ("model", report.model),
        ("family", FAMILIES[report.family]),
        ("predicts", report.prediction_type),
        ("sampler", report.sampler),
        ("vae", report.vae),
        *((f"  {part.name}", _size(part.parameters, part.dtype)) for part in report.parts),
        (
            "memory",
            f"{half} as float16, {full} as float32",
        ),
        *(("note", note) for note in report.notes),
        *(("missing", line) for line in report.missing),
        ("complete", "yes" if report.is_complete else "no"),
    ]
    for name, value in rows:
        print(f"{name:<16} {value}")


def _size(parameters: int | None, dtype: str) -> str:
    return "a pickle" if parameters is None else f"{parameters / 1e6:.1f} million weights, {dtype}"
