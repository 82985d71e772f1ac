"""Files in folders and under names that only Windows has: shares, long paths, devices, streams,
drives."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from engine.errors import FolderBusyError, SinkError
from engine.params import PresetFolder
from engine.sinks.record import RecordSink
from engine.sinks.snapshot import SnapshotSink
from engine.system.folder_files import list_files
from engine.system.media_file import open_media, open_sound_file
from engine.system.work_folder import WorkFolder, check_writable
from tests.jobs.segment.disc_movie import pictures_of
from tests.on_windows.test_files_a_scanner_holds import BRIGHTNESS, brightness_of, publish_to

pytestmark = pytest.mark.only_on(
    "win32", reason="other systems have no drives, devices, streams or shares"
)

NO_DRIVE = next(f"{letter}:" for letter in "QRSTUVWXY" if not os.path.exists(f"{letter}:\\"))
DEVICE, COLON = "Windows reserves this name for a device", "a name cannot contain ':'"
REFUSED = {
    "NUL": DEVICE,
    "aux": DEVICE,
    "COM1": DEVICE,
    "con ": DEVICE,
    "take.mp4:b": COLON,  # a stream of take.mp4, which no player finds
    "12:30": COLON,
    r"CON\take": DEVICE,
    "who?": r"a name cannot contain '\?'",
    f"{NO_DRIVE}take": f"cannot create the folder {NO_DRIVE}",
}


@pytest.mark.parametrize("stem", REFUSED)
def test_a_name_that_is_no_file_there_is_refused_in_one_line_and_nothing_is_written(
    stem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for sink in (RecordSink(f"{stem}.mp4"), SnapshotSink(f"{stem}.png")):
        with pytest.raises(SinkError, match=REFUSED[stem]) as caught:
            publish_to(sink, tmp_path)
        assert "\n" not in str(caught.value)
    reason = (
        rf"cannot be written .{NO_DRIVE}.* is not a folder"
        if stem.startswith(NO_DRIVE)
        else REFUSED[stem]
    )
    with pytest.raises(SinkError, match=reason):
        check_writable(Path(f"{stem}.wav"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=["a share", "a long path", "a foreign user"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    if request.param == "a foreign user":
        yield tmp_path / "Jörg 山田 & Söhne 🎭" / "AppData"
    elif request.param == "a long path":
        path = Path(rf"\\?\{tmp_path}")
        while len(str(path)) < 300:
            path /= "long" * 20
        yield path
    else:
        unc_path = Path(rf"\\localhost\{tmp_path.drive[0]}$", *tmp_path.parts[1:])
        if os.path.exists(unc_path):
            yield unc_path
        elif (prefix := os.environ.get("WINEPREFIX")) is None:
            pytest.skip("only administrators have the share of a drive")
        else:  # Wine has its shares in this folder
            name = f"{tmp_path.name}-{os.getpid()}"
            local = Path(f"Z:{prefix}", "dosdevices", "unc", "localhost", name)
            local.mkdir(parents=True)
            yield Path(rf"\\localhost\{name}")
            shutil.rmtree(local)


def test_a_show_has_its_files_in_any_folder(folder: Path) -> None:
    recording, picture = folder / "Aufnahme 録画.mp4", folder / "Bild.png"
    publish_to(RecordSink(str(recording)), folder)
    publish_to(SnapshotSink(str(picture)), folder)
    assert len(pictures_of(recording)) == 3
    with Image.open(picture) as image:
        assert image.size == (64, 48)
    with open_media(recording) as movie:
        assert movie.streams.video[0].width == 64
    presets = PresetFolder(folder / "presets")
    for brightness in (1.0, 2.0):
        presets.save("Nacht 夜", {BRIGHTNESS: brightness})
    assert brightness_of(presets, "Nacht 夜") == 2.0
    assert presets.restore("Nacht 夜").by_address()[BRIGHTNESS] == 1.0
    soundfile.write(str(folder / "Lied 歌.wav"), np.zeros(480), 48_000)
    with open_sound_file(folder / "Lied 歌.wav") as song:
        assert song.frames == 480
    work = WorkFolder(folder / "out.mp4")
    with pytest.raises(FolderBusyError):
        WorkFolder(folder / "out.mp4")
    work.remove()
    problems: list[str] = []
    found = list_files(folder, (".png", ".mp4", ".wav"), problems.append, is_recursive=True)
    assert ([file.name for file in found], problems) == (
        ["Aufnahme 録画.mp4", "Bild.png", "Lied 歌.wav"],
        [],
    )
