"""Lists of sound files: their order, the seam between two files, jumps, another rate."""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from engine.audio.file import FileFeed
from engine.audio.monitor import Monitor
from engine.audio.playlist import MAX_ORDERS, PlaylistFeed, tracks_of
from engine.errors import AudioError
from engine.system.clock import SteppedClock

RATE_HZ = 48_000


def ramp(seconds: float, begin: float, end: float) -> np.ndarray:
    return np.linspace(begin, end, round(seconds * RATE_HZ), dtype=np.float32)[:, None]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two files of 0.5 s, whose samples tell where they are."""
    paths = tmp_path / "a.wav", tmp_path / "b.flac"
    soundfile.write(paths[0], ramp(0.5, -0.5, 0.0), RATE_HZ, subtype="FLOAT")
    soundfile.write(paths[1], ramp(0.5, 0.0, 0.5), RATE_HZ, subtype="PCM_24")
    return paths


def test_files_follow_each_other_without_a_gap_and_the_list_is_repeated_or_ends(pair, reports) -> None:
    feed = PlaylistFeed(pair, None, reports)
    heard = np.concatenate([feed.read(480) for _ in range(150)])[:, 0]
    both = np.concatenate([ramp(0.5, -0.5, 0.0), ramp(0.5, 0.0, 0.5)])[:, 0]
    assert heard == pytest.approx(np.concatenate([both, both[:24_000]]), abs=2e-7)
    assert feed.place.position_s == pytest.approx(0.5)
    feed.loop = "one"
    feed.read(480)
    assert (feed.place.number, feed.place.state) == (2, "playing")
    feed.order(lambda: feed.seek(0.4))
    heard = feed.read(9600)[:, 0]
    assert heard == pytest.approx(np.concatenate([both[-4800:], both[24_000:28_800]]), abs=2e-7)
    feed.loop = "off"
    feed.order(lambda: feed.seek(0.45))
    heard = feed.read(4800)[:, 0]
    assert heard[:2400] == pytest.approx(both[-2400:], abs=2e-7)
    assert not heard[2400:].any()
    assert feed.place.state == "ended"
    feed.order(feed.play)
    feed.order(feed.previous)
    assert feed.read(480)[0, 0] == -0.5, "the file before"
    feed.order(lambda: feed.seek(99.0))
    feed.read(480)
    assert feed.place.number == 2, "a jump past the end is the end"
    feed.close()
    assert reports.lines == []


def test_a_jump_in_a_compressed_file_lands_on_the_sample(tmp_path, reports) -> None:
    import av

    path = tmp_path / "long.m4a"
    noise = np.random.default_rng(3).uniform(-0.3, 0.3, (RATE_HZ * 20, 1)).astype(np.float32)
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(noise.T), format="fltp", layout="mono")
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
    heard = np.concatenate([feed.read(480) for _ in range(180)])[:, 0]
    assert heard[2000:] == pytest.approx(sine(1000.0, seconds=2.0)[2000 : len(heard)], abs=2e-4)
    assert feed.place.position_s == pytest.approx(1.8), "of what was given, not of what was read"
    feed.close()


def test_playlists_and_folders_name_their_files_in_order(tmp_path, reports) -> None:
    for name in ("10 c.wav", "2 b.mp3", "1 a.flac", "cover.jpg", "._1 a.flac"):
        (tmp_path / name).touch()
    assert [path.name for path in tracks_of(tmp_path, reports)] == ["1 a.flac", "2 b.mp3", "10 c.wav"]
    old = tmp_path / "set.m3u"
    lines = ("#EXTM3U", "#EXTINF:3,é", "sub\\é.wav", "", "http://radio.example/x", "/elsewhere/d.wav")
    old.write_bytes("\r\n".join(lines).encode("latin-1"))
    assert tracks_of(old, reports) == (tmp_path / "sub" / "é.wav", Path("/elsewhere/d.wav"))
    line = f"{old}: 1 of its entries are addresses and left out, such as http://radio.example/x"
    assert reports.lines == [("audio.file", line)]
    for name, reason in (("none.m3u", "cannot be read"), ("empty.m3u8", "names no sound files"), ("no.wav", "no such")):
        if name.startswith("empty"):
            (tmp_path / name).write_text("#EXTM3U\n")
        with pytest.raises(AudioError, match=reason):
            tracks_of(tmp_path / name, reports)
    with pytest.raises(AudioError, match=r"^none of 3 files can be played"):
        PlaylistFeed(tracks_of(tmp_path, reports), None, reports)
    assert reports.lines == [("audio.file", line)], "one line, which is the error's"


def test_nothing_is_read_ahead_while_nothing_plays_it(reports) -> None:
    monitor = Monitor(RATE_HZ, SteppedClock(), reports)
    monitor.write(np.ones((480, 4), np.float32), 1.0)
    assert (monitor.lead_s, monitor.status().state, monitor.status().delay_ms) == (0.0, "none", 0.0)
    with pytest.raises(AudioError):
        monitor.open("nowhere")
    assert monitor.word == "none"


def test_a_resampled_file_ends_and_the_next_one_follows(tmp_path, reports) -> None:
    paths = tmp_path / "44.wav", tmp_path / "48.wav"
    soundfile.write(paths[0], np.full((44_100 // 4, 1), 0.25, np.float32), 44_100)
    soundfile.write(paths[1], np.full((RATE_HZ // 4, 1), 0.5, np.float32), RATE_HZ)
    feed = PlaylistFeed(paths, RATE_HZ, reports, loop="off")
    heard = np.concatenate([feed.read(480) for _ in range(60)])[:, 0]
    assert heard[1000:11_000] == pytest.approx(0.25, abs=0.01)
    assert heard[12_100:23_900] == pytest.approx(0.5, abs=0.01)
    assert not heard[24_100:].any() and feed.place.state == "ended"
    feed.order(lambda: feed.go(1))
    assert feed.read(4800)[-1, 0] == pytest.approx(0.25, abs=0.01), "again"
    feed.close()


def test_files_too_short_for_a_sample_are_silence_and_no_endless_search(tmp_path, reports) -> None:
    paths = tmp_path / "a.wav", tmp_path / "b.wav"
    for path in paths:
        soundfile.write(path, np.full((1, 1), 0.5, np.float32), 44_100)
    feed = PlaylistFeed(paths, 4000, reports)
    heard: list[np.ndarray] = []
    reading = threading.Thread(target=lambda: heard.append(feed.read(480)), daemon=True)
    reading.start()
    reading.join(20.0)
    assert heard and heard[0].shape == (480, 1) and not heard[0].any()
    assert feed.place.state == "ended" and [line for _, line in reports.lines] == ["none of 2 files can be played"]


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
    assert feed.read(480)[:, 0] == pytest.approx(ramp(0.5, 0.0, 0.5)[:480, 0], abs=2e-7), "the next one"
    broken.add("b.flac")
    assert not feed.read(480).any() and feed.place.state == "ended"
    broken.clear()
    feed.order(lambda: feed.go(1))
    assert feed.read(480)[0, 0] == -0.5
    assert "audio: a file cannot be played: RuntimeError: decoder error" in {line for _, line in reports.lines}


@pytest.mark.parametrize("is_foreseen", [True, False])
def test_a_file_that_cannot_be_opened_is_one_line_and_the_next_one_plays_until_there_is_none(
    pair, tmp_path, reports, monkeypatch, is_foreseen
) -> None:
    feed = PlaylistFeed((*pair, pair[0]), None, reports)
    pair[1].unlink()
    if not is_foreseen:
        monkeypatch.setattr("engine.audio.playlist.FileFeed", _failing_for(pair[1]))
    heard = feed.read(RATE_HZ)[:, 0]
    assert heard[24_000:] == pytest.approx(ramp(0.5, -0.5, 0.0)[:, 0], abs=2e-7), "the third one"
    assert len(reports.lines) == 1 and feed.place.number == 3
    pair[0].unlink()
    assert not feed.read(RATE_HZ).any() and feed.place.state == "ended"
    assert reports.lines[-1][1].startswith("none of 3 files can be played: ")
    assert len(reports.lines) == (2 if is_foreseen else 3)


def _failing_for(path: Path) -> Callable[..., FileFeed]:
    def opened(name: str, **options: object) -> FileFeed:
        if name == str(path):
            raise RuntimeError("decoder error")
        return FileFeed(name, **options)

    return opened


def test_a_name_that_no_file_can_have_is_told_in_one_line(tmp_path, reports) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(0.1, 0.0, 0.5), RATE_HZ)
    (tmp_path / "list.m3u").write_text("x" * 400 + "\na.wav\n")
    feed = PlaylistFeed(tracks_of(tmp_path / "list.m3u", reports), None, reports)
    assert feed.place.name == "a.wav"
    assert [line.endswith("demo the built-in loop); skipped") for _, line in reports.lines] == [True]
    with pytest.raises(AudioError, match="no such file"):
        tracks_of(tmp_path / ("y" * 300), reports)
    feed.close()


def test_of_a_flood_of_orders_the_newest_count(pair, reports) -> None:
    feed, done = PlaylistFeed(pair, None, reports), []
    for number in range(10_000):
        feed.order(partial(done.append, number))
    feed.read(480)
    assert done == list(range(10_000 - MAX_ORDERS, 10_000))
    feed.close()


class _Closing:
    """An output and a reader, for one look at them: the other thread has closed them then."""

    def __get__(self, monitor, owner):
        playing, monitor.__dict__["playing"] = monitor.__dict__.get("playing"), None
        return playing

    def __set__(self, monitor, playing) -> None:
        monitor.__dict__["playing"] = playing


def test_an_output_that_is_closed_while_the_playback_asks_for_its_lead_leaves_the_playback_alone(reports) -> None:
    class Closed(Monitor):
        _playing = _Closing()

    monitor = Closed(RATE_HZ, SteppedClock(), reports)
    reader = SimpleNamespace(lag_s=0.0, least_spare_s=0.0, is_settled=False)
    monitor._playing = SimpleNamespace(delay_s=0.1), reader
    assert monitor.lead_s == pytest.approx(0.14)
