"""Converts the voice in sound files and videos. START HERE.

    job.py          the job and its options, checked before anything is loaded
    loading.py      loads the voice of a job; on_cluster.py: converts on the machines of a Ray
                    cluster
    run.py          runs a job on three threads (jobs/kit/pipeline.py): `convert_files(job)`, or its
                    three steps
    tasks.py        maps inputs to outputs; formats.py: output formats
    sounds.py       reads inputs through libsndfile or FFmpeg
    model_input.py  prepares the model's input: mixed to mono, 16 kHz, without rumble
    file_work.py    one file in progress, its state for --resume; scratch.py: its temporary audio
    finishing.py    loudness, rate and peak; writing.py: the output file, video copied; tags.py:
                    title, cover, chapters
    report.py       progress and report

Memory is bounded: files of any length are processed in blocks. Other files and interruptions do not
affect an output.

    from engine.jobs.convert import ConvertJob, convert_files
    from engine.models.rvc import VoiceSettings, VoiceSpec
    spec, settings = VoiceSpec(model="alto.pth", index="alto.index"), VoiceSettings(pitch=12)
    job = ConvertJob(sources=(Path("talk.wav"),), output="out/", spec=spec, settings=settings)
    print(convert_files(job).speed)
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.jobs.convert.job import ConvertJob
    from engine.jobs.convert.report import ConvertProgress, ConvertReport, FileReport
    from engine.jobs.convert.run import convert_files

_REPORTS = ("ConvertProgress", "ConvertReport", "FileReport")
_HOMES = {"job": ("ConvertJob",), "report": _REPORTS, "run": ("convert_files",)}
__getattr__ = lazy_names(__name__, _HOMES)
