"""Output formats by file suffix, and the sample rates each format takes.

Written by libsndfile (sound only) or FFmpeg. All but AAC keep the exact number of samples; AAC has
blocks of 1024, so a decoder may return up to 1023 silent samples more at the end.
"""

from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import UsageError
from engine.sinks.movie_file import AAC_RATES_HZ

MP3_RATES_HZ = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
OPUS_RATES_HZ = (48000, 24000, 16000, 12000, 8000)

PCM = ("PCM_16", "PCM_24", "PCM_32", "FLOAT")
# Read, also from folders, but written in another format.
OTHER_SOUNDS = (
    ".aac",
    ".ac3",
    ".amr",
    ".ape",
    ".dts",
    ".mp2",
    ".ra",
    ".snd",
    ".spx",
    ".tta",
    ".wma",
    ".wv",
    ".oga",
)
OTHER_VIDEOS = (
    ".3gp",
    ".asf",
    ".flv",
    ".m2ts",
    ".mpeg",
    ".mpg",
    ".mts",
    ".ogv",
    ".ts",
    ".vob",
    ".wmv",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    container: str
    """libsndfile's name of the format, or FFmpeg's if `codec` is set."""
    subtype: str = ""
    """libsndfile's name; a source in the same container keeps its own subtype if it is one of
    `subtypes`."""
    subtypes: tuple[str, ...] = ()
    codec: str = ""
    """FFmpeg's name; "" if libsndfile writes."""
    rates_hz: tuple[int, ...] = ()
    """In descending order; () for any rate."""
    options: dict[str, str] = field(default_factory=dict)
    """FFmpeg's options for the container."""
    tagger: str = ""
    """FFmpeg's container for adding tags to a file that libsndfile wrote; "" if it has no tags."""


FORMS = {
    ".wav": Form(container="WAV", subtype="PCM_16", subtypes=PCM, tagger="wav"),
    ".w64": Form(container="W64", subtype="PCM_16", subtypes=PCM),
    ".caf": Form(container="CAF", subtype="PCM_16", subtypes=PCM, tagger="caf"),
    ".aiff": Form(container="AIFF", subtype="PCM_16", subtypes=PCM, tagger="aiff"),
    ".aif": Form(container="AIFF", subtype="PCM_16", subtypes=PCM, tagger="aiff"),
    ".au": Form(container="AU", subtype="PCM_16", subtypes=PCM, tagger="au"),
    ".flac": Form(container="FLAC", subtype="PCM_16", subtypes=("PCM_16", "PCM_24"), tagger="flac"),
    ".ogg": Form(container="OGG", subtype="VORBIS", tagger="ogg"),
    ".opus": Form(container="OGG", subtype="OPUS", rates_hz=OPUS_RATES_HZ, tagger="opus"),
    ".mp3": Form(container="MP3", subtype="MPEG_LAYER_III", rates_hz=MP3_RATES_HZ, tagger="mp3"),
    ".m4a": Form(
        container="mp4",
        codec="aac",
        rates_hz=AAC_RATES_HZ,
        options={"movflags": "faststart", "brand": "M4A "},
    ),
    ".mka": Form(container="matroska", codec="flac"),
    ".mp4": Form(
        container="mp4", codec="aac", rates_hz=AAC_RATES_HZ, options={"movflags": "faststart"}
    ),
    ".m4v": Form(
        container="mp4", codec="aac", rates_hz=AAC_RATES_HZ, options={"movflags": "faststart"}
    ),
    ".mov": Form(container="mov", codec="pcm_s16le"),
    ".mkv": Form(container="matroska", codec="flac"),
    ".webm": Form(container="webm", codec="libopus", rates_hz=OPUS_RATES_HZ),
    ".avi": Form(container="avi", codec="pcm_s16le"),
}
READ = (*FORMS, *OTHER_SOUNDS, *OTHER_VIDEOS)
"""Suffixes of the files that are read from a folder."""


def name_for(source: Path) -> str:
    """Output name for a source: the same if its format can be written, else with the suffix of one
    that holds it."""
    suffix = source.suffix.lower()
    return (
        source.name
        if suffix in FORMS
        else f"{source.name}{'.mkv' if suffix in OTHER_VIDEOS else '.wav'}"
    )


def form_of(path: Path) -> Form:
    """The format of a file name; UsageError for an unknown suffix."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise UsageError(
            f"{path}: cannot write this format; an output is {' '.join(FORMS)} or a folder (name/)"
        )
    return form


def rate_for(form: Form, requested_hz: int) -> int:
    """The requested rate, else the next higher one that the format supports, else its highest."""
    if not form.rates_hz or requested_hz in form.rates_hz:
        return requested_hz
    return min((rate for rate in form.rates_hz if rate > requested_hz), default=form.rates_hz[0])
