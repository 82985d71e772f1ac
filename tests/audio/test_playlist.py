"""Lists of sound files: their order, the seam between two files, jumps, another rate."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.file import FileFeed
from engine.audio.playlist import PlaylistFeed, tracks_of
from engine.errors import AudioError

RATE_HZ = 48_000


def ramp(seconds: float, begin: float, end: float) -> np.ndarray:
    return np.linspace(begin, end, round(seconds * RATE_HZ), dtype=np.float32)[:, None]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two files of 0.5 s with one ramp through both, so that each sample shows its position."""
    paths = tmp_path / "a.wav", tmp_path / "b.flac"
    soundfile.write(paths[0], ramp(0.5, -0.5, 0.0), RATE_HZ, subtype="FLOAT")
    soundfile.write(paths[1], ramp(0.5, 0.0, 0.5), RATE_HZ, subtype="PCM_24")
    return paths


def test_files_follow_each_other_without_a_gap_and_the_list_is_repeated_or_ends(
    pair, reports
) -> None:
    feed = PlaylistFeed(pair, None, reports)
    sound = np.concatenate([feed.read(480) for _ in range(150)])[:, 0]
    both = np.concatenate([ramp(0.5, -0.5, 0.0), ramp(0.5, 0.0, 0.5)])[:, 0]
    assert sound == pytest.approx(np.concatenate([both, both[:24_000]]), abs=2e-7)
    assert feed.track_position.position_s == pytest.approx(0.5)
    feed.loop = "one"
    feed.read(480)
    assert (feed.track_position.number, feed.track_position.state) == (2, "playing")
    feed.queue_command(lambda: feed.seek(0.4))
    sound = feed.read(9600)[:, 0]
    assert sound == pytest.approx(np.concatenate([both[-4800:], both[24_000:28_800]]), abs=2e-7)
    feed.loop = "off"
    feed.queue_command(lambda: feed.seek(0.45))
    sound = feed.read(4800)[:, 0]
    assert sound[:2400] == pytest.approx(both[-2400:], abs=2e-7)
    assert not sound[2400:].any()
    assert feed.track_position.state == "ended"
    feed.queue_command(feed.play)
    feed.queue_command(feed.previous)
    assert feed.read(480)[0, 0] == -0.5, "the file before"
    feed.queue_command(lambda: feed.seek(99.0))
    feed.read(480)
    assert feed.track_position.number == 2, "a jump past the end is the end"
    feed.close()
    assert reports.lines == []


def test_a_jump_in_a_compressed_file_lands_on_the_sample(tmp_path, reports) -> None:
    import av

    path = tmp_path / "long.m4a"
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, (RATE_HZ * 20, 1)).astype(np.float32)
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(noise.T), format="fltp", layout="mono"
        )
        frame.sample_rate = RATE_HZ
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    feed = FileFeed(str(path), is_looped=False, report=reports)
    whole = feed.read(RATE_HZ * 19)
    for at_s in (13.37, 0.01, 7.0):
        feed.seek(at_s)
        assert feed.position_s == pytest.approx(at_s, abs=1e-4)
        first = round(at_s * RATE_HZ)
        assert feed.read(4800) == pytest.approx(whole[first : first + 4800], abs=1e-4)
    feed.close()


def test_another_rate_is_resampled_without_a_seam(sine, tmp_path, reports) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, sine(1000.0, seconds=2.0, rate_hz=44_100), 44_100, subtype="FLOAT")
    feed = PlaylistFeed((path,), RATE_HZ, reports)
    sound = np.concatenate([feed.read(480) for _ in range(180)])[:, 0]
    assert sound[2000:] == pytest.approx(sine(1000.0, seconds=2.0)[2000 : len(sound)], abs=2e-4)
    assert feed.track_position.position_s == pytest.approx(1.8), (
        "of what was given, not of what was read"
    )
    feed.close()


def test_playlists_and_folders_name_their_files_in_order(tmp_path, reports) -> None:
    for name in ("10 c.wav", "2 b.mp3", "1 a.flac", "cover.jpg", "._1 a.flac"):
        (tmp_path / name).touch()
    assert [path.name for path in tracks_of(tmp_path, reports)] == [
        "1 a.flac",
        "2 b.mp3",
        "10 c.wav",
    ]
    old = tmp_path / "set.m3u"
    lines = (
        "#EXTM3U",
        "#EXTINF:3,é",
        "sub\\é.wav",
        "",
        "http://radio.example/x",
        "/elsewhere/d.wav",
    )
    old.write_bytes("\r\n".join(lines).encode("latin-1"))
    assert tracks_of(old, reports) == (tmp_path / "sub" / "é.wav", tmp_path / "/elsewhere/d.wav")
    line = f"{old}: 1 of its entries are addresses and left out, such as http://radio.example/x"
    assert reports.lines == [("audio.file", line)]
    for name, reason in (
        ("none.m3u", "cannot be read"),
        ("empty.m3u8", "names no sound files"),
        ("no.wav", "no such"),
    ):
        if name.startswith("empty"):
            (tmp_path / name).write_text("#EXTM3U\n")
        with pytest.raises(AudioError, match=reason):
            tracks_of(tmp_path / name, reports)
    with pytest.raises(AudioError, match=r"^none of 3 files can be played"):
        PlaylistFeed(tracks_of(tmp_path, reports), None, reports)
    assert reports.lines == [("audio.file", line)], "one line, which is the error's"


def test_a_file_that_fails_in_an_unforeseen_way_is_followed_by_the_next_one_or_by_silence(
    pair, reports, monkeypatch
) -> None:
    read = FileFeed.read_rest

    def failing(feed: FileFeed, frames: int) -> np.ndarray:
        if Path(feed.description.split()[0]).name in broken:
            raise RuntimeError("decoder error")
        return read(feed, frames)

    broken = {"a.wav"}
    feed = PlaylistFeed(pair, None, reports)
    monkeypatch.setattr(FileFeed, "read_rest", failing)
    assert feed.read(480)[:, 0] == pytest.approx(ramp(0.5, 0.0, 0.5)[:480, 0], abs=2e-7), (
        "the next one"
    )
    broken.add("b.flac")
    assert not feed.read(480).any() and feed.track_position.state == "ended"
    broken.clear()
    feed.queue_command(lambda: feed.go(1))
    assert feed.read(480)[0, 0] == -0.5
    assert "audio: a file cannot be played: RuntimeError: decoder error" in {
        line for _, line in reports.lines
    }


@pytest.mark.only_on("linux", "darwin", reason="Windows removes no file that is open")
def test_a_file_that_cannot_be_opened_is_one_line_and_the_next_one_plays_until_there_is_none(
    pair, reports
) -> None:
    feed = PlaylistFeed((*pair, pair[0]), None, reports)
    pair[1].unlink()
    sound = feed.read(RATE_HZ)[:, 0]
    assert sound[24_000:] == pytest.approx(ramp(0.5, -0.5, 0.0)[:, 0], abs=2e-7), "the third one"
    assert len(reports.lines) == 1 and feed.track_position.number == 3
    pair[0].unlink()
    assert not feed.read(RATE_HZ).any() and feed.track_position.state == "ended"
    assert reports.lines[-1][1].startswith("none of 3 files can be played: ")
    assert len(reports.lines) == 2
