"""Converts the voice in sound files and videos. START HERE.

    job.py          the job and its options, checked before anything is loaded
    loading.py      the voice of a job; cluster/: on the machines of a Ray cluster
    run.py          runs a job: `convert_files(job)`, or its three parts
    tasks.py        which input becomes which output; formats.py: output formats
    sounds.py       inputs (sound.py: their interface): through libsndfile, or FFmpeg (decoded_sound.py)
    hearing.py      a source as the model hears it: mono, 16 kHz, without rumble
    pipeline.py     one run: hear, convert, finish on three threads (jobs/kit/pipeline.py), several files at once
    file_work.py    one file in work; scratch.py: its sounds on the disk; file_state.py: its journal, to go on from
    finishing.py    loudness, rate and peak; writing.py: the file, its pictures copied; tags.py: title, cover, chapters
    report.py       progress and report

Memory is bounded: sounds of any length are processed in blocks. An output depends neither on the other files nor on
interruptions.

    from engine.jobs.convert import ConvertJob, convert_files
    from engine.models.rvc import VoiceSettings, VoiceSpec
    job = ConvertJob(
        sources=(Path("talk.wav"),),
        output="out/",
        spec=VoiceSpec(model="alto.pth", index="alto.index"),
        settings=VoiceSettings(pitch=12),
    )
    print(convert_files(job).speed)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.jobs.convert.job import ConvertJob
    from engine.jobs.convert.report import ConvertProgress, ConvertReport, FileReport
    from engine.jobs.convert.run import convert_files

_HOME = {
    "ConvertJob": "job",
    "ConvertProgress": "report",
    "ConvertReport": "report",
    "FileReport": "report",
    "convert_files": "run",
}
__all__ = ["ConvertJob", "ConvertProgress", "ConvertReport", "FileReport", "convert_files"]


def __getattr__(name: str) -> Any:
    """Import on first use: the command line reads the job's options without opening a library for media."""
    if name not in _HOME:
        raise AttributeError(f"module 'engine.jobs.convert' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"engine.jobs.convert.{_HOME[name]}"), name)
