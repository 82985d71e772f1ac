"""`multiverse model`: identify a model and list missing files, without loading it."""

import json
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.sd_options import require_known
from engine.cli.standard_streams import print_lines
from engine.errors import ModelError, UsageError
from engine.live.sd.entry import SdConfig
from engine.system.run_option import option_help

if TYPE_CHECKING:
    from engine.models.rvc.check import VoiceReport
    from engine.models.sam3.check import SegmentationReport
    from engine.models.sd.plan.model_plan import ModelPlan

app = typer.Typer(help="Models of Stable Diffusion, SAM3 and RVC.", no_args_is_help=True)

KINDS = {
    "sam3_video": "SAM3, finds and tracks",
    "sam3": "SAM3, finds only",
    "sam3_lite_text": "SAM3-LiteText, finds only",
}
SD_ONLY = (
    "--vae, --unet, --lora, --controlnet, --ip-adapter, --embedding, --clip-skip, --sampler and "
    "--prediction are for "
    "Stable Diffusion"
)


@app.command()
def check(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="Folder of a diffusers model or of SAM3, .safetensors file, a voice's .pth file, "
            "Hugging Face id.",
        ),
    ],
    vae: Annotated[str, typer.Option(**option_help(SdConfig, "vae"))] = "auto",
    unet: Annotated[str, typer.Option(**option_help(SdConfig, "unet"))] = "",
    lora: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="A LoRA, repeatable.")
    ] = None,
    controlnet: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="A ControlNet, repeatable.")
    ] = None,
    ip_adapter: Annotated[str, typer.Option(metavar="PATH", help="An IP-Adapter.")] = "",
    embedding: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="An embedding, repeatable.")
    ] = None,
    clip_skip: Annotated[int, typer.Option(min=0, max=12, help="Like clip_skip in [sd].")] = 0,
    sampler: Annotated[
        str,
        typer.Option(
            metavar=option_help(SdConfig, "sampler")["metavar"], help="Like sampler in [sd]."
        ),
    ] = "auto",
    prediction: Annotated[
        str,
        typer.Option(
            metavar=option_help(SdConfig, "prediction")["metavar"], help="Like prediction in [sd]."
        ),
    ] = "auto",
    index: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="A voice's .index file, or none. (default: the voice's own, or the only one "
            "there)",
        ),
    ] = "",
    content: Annotated[
        str, typer.Option(metavar="PATH", help="Speech encoder of a voice, like content in [rvc].")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a model's kind, the memory its weights take, and what is missing. Exit code 1 if
    something is missing."""
    require_known(sampler, prediction)
    model: object
    report: ModelPlan | SegmentationReport | VoiceReport
    is_plain = vae == sampler == prediction == "auto"
    has_exact_cpu = False
    is_plain &= not (unet or lora or controlnet or ip_adapter or embedding or clip_skip)
    if not _is_sam_file(path) and _is_voice(path):
        from engine.models.rvc.check import check as check_voice
        from engine.models.rvc.index_choice import choose_index
        from engine.models.rvc.spec import VoiceSpec

        if not is_plain:
            raise UsageError(f"{path}: is a voice; {SD_ONLY}")
        _require_no_part_of_sd(path)
        its_index = choose_index(path, index)
        voice = VoiceSpec(
            model=path, index=its_index.index, index_note=its_index.note, content=content
        )
        report = check_voice(voice)
        kind_of_model = "rvc"
        model = voice
        half = "float16"
        has_exact_cpu = True
        vectors = (
            f"{report.vectors} vectors, {report.index_bytes / 2**20:.0f} MiB"
            if report.vectors
            else "none"
        )
        kind = [
            ("family", f"RVC {report.version}, {'with' if report.has_pitch else 'without'} pitch"),
            ("rate", f"{report.rate_hz} Hz"),
            ("vocoder", report.vocoder),
            ("speakers", str(report.speakers)),
            ("pitch", report.pitch),
            ("index", vectors),
        ]
    elif index or content:
        raise UsageError(f"{path}: is not a voice; --index and --content are for voices")
    elif _is_sam3(path):
        from engine.models.sam3 import SegmentationSpec
        from engine.models.sam3.check import check as check_sam3

        if not is_plain:
            raise UsageError(f"{path}: is SAM3; {SD_ONLY}")
        sam3 = SegmentationSpec(model=path)
        report = check_sam3(sam3)
        half = "bfloat16"
        kind_of_model = "sam3"
        model = sam3
        kind = [("family", KINDS[report.kind])]
    else:
        from engine.models.sd import ModelSpec
        from engine.models.sd.plan.families import FULL_NAMES
        from engine.models.sd.plan.model_plan import plan_model

        spec = ModelSpec(
            model=path,
            vae=vae,
            unet=unet,
            sampler=sampler,
            prediction=prediction,
            loras=tuple((name, 1.0) for name in lora or ()),
            controlnets=tuple(controlnet or ()),
            ip_adapter=ip_adapter,
            embeddings=tuple(embedding or ()),
            clip_skip=clip_skip,
        )
        report = plan_model(spec)
        half = "float16"
        kind_of_model = "sd"
        model = report
        kind = [
            ("family", FULL_NAMES[report.family]),
            ("predicts", str(report.prediction)),
            ("sampler", str(report.sampler)),
            ("vae", "" if report.vae is None else report.vae.kind),
        ]
    if report.is_complete:
        from engine.models.pretrained import tensor_problems

        trials = resolve_name(f"engine.models.{kind_of_model}.load:trials")
        report.missing = tuple(tensor_problems(trials(model)))
    memory = {dtype: report.memory_bytes(dtype) for dtype in (half, "float32")}
    if as_json:
        values = {"is_complete": report.is_complete, "memory_bytes": memory}
        print(json.dumps(report.as_json() | values, indent=2))
    else:
        rows = [
            ("model", report.model),
            *kind,
            *(
                (f"  {part.name}", f"{part.parameters / 1e6:.1f} million weights, {part.dtype}")
                for part in report.parts
            ),
            (
                "memory",
                ", ".join(f"{size / 2**20:.0f} MiB as {dtype}" for dtype, size in memory.items()),
            ),
            (
                "on a CPU",
                "float32" if has_exact_cpu else "bfloat16 if it has units for it, else float32",
            ),
            *(("note", note) for note in report.notes),
            *(("missing", line) for line in report.missing),
            ("complete", "yes" if report.is_complete else "no"),
        ]
        for name, value in rows:
            print_lines(f"{name:<16} {value}")
    if not report.is_complete:
        raise typer.Exit(1)


def _is_sam3(name: str) -> bool:
    """True if the folder is a transformers model, False for a diffusers model, which has its parts
    in folders.

    Raises ModelError for an empty folder, or one that is neither."""
    from engine.models import locate
    from engine.models.sam3.model_folder import GATED, checkpoint_in, what_id_is
    from engine.models.sd.plan.other_models import other_folder

    if (name.startswith(GATED) or what_id_is(name)) and not Path(name).exists():
        return True
    if _is_sam_file(name):
        return True
    path = locate.find(name)
    if (path / locate.INDEX).is_file() or path.is_file():
        return False
    if not checkpoint_in(path) and (what := other_folder(path)):
        raise ModelError(f"{name}: {what}")
    if not (path / "config.json").is_file() and not checkpoint_in(path):
        raise ModelError(
            f"{name}: contains neither a diffusers model ({locate.INDEX}) nor SAM3 (config.json)"
        )
    return True


def _is_sam_file(name: str) -> bool:
    """True if a single file has the tensors of a SAM model, which is refused with the name of what
    would work."""
    from engine.models.sam3.model_folder import is_of_transformers, what_file_is

    path = Path(name).expanduser()
    return bool(what_file_is(path)) or is_of_transformers(path)


def _is_voice(name: str) -> bool:
    """True for a voice, by its suffix or by the tensors of a .safetensors file."""
    from engine.models.not_a_model import is_safetensors
    from engine.models.rvc.check import voices_in_zip
    from engine.models.weight_files import open_tensors

    path = Path(name).expanduser()
    suffix = path.suffix.lower()
    if suffix in (".pth", ".index", ".onnx") or (suffix == ".zip" and voices_in_zip(path)):
        return True
    if not (path.is_file() and is_safetensors(path)):
        return False
    return any(tensor.startswith("enc_p.") for tensor in open_tensors(path).tensors)


def _require_no_part_of_sd(name: str) -> None:
    """Raise ModelError for .pth files of Stable Diffusion: old ControlNets, T2I-Adapters,
    upscalers."""
    from engine.models.pickle_file import OUTER, read_pickle
    from engine.models.sd.plan.other_models import kind_of

    path = Path(name).expanduser()
    if path.suffix.lower() == ".pth" and path.is_file():
        what = kind_of(OUTER.tensors(read_pickle(path).content))
        if what.startswith("is "):
            raise ModelError(f"{name}: {what}")
