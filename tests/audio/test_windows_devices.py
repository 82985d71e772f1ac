# ruff: noqa: E402
"""Sound devices on Windows: which are listed, which is the default, and how WASAPI devices are
opened.

The table is from a laptop (PortAudio's issue 286 and FlexASIO's issue 3), with a microphone of a
Japanese Windows. The behaviour is that of pa_win_wasapi.c in PortAudio 19.7, which sounddevice's
wheel contains.
"""

import pytest

from tests.support.needed import has_portaudio, require

require(has_portaudio(), "PortAudio")  # sounddevice loads it when it is imported

from engine.audio import devices
from engine.audio.device import DeviceCapture, DeviceOutput
from engine.audio.devices import find_device, list_devices
from engine.audio.streams import open_input
from engine.errors import AudioError
from engine.system.clock import SteppedClock, SystemClock
from tests.support import fake_portaudio
from tests.support.fake_portaudio import Device, FakePortAudio, HostApi, Opened

LAPTOP = (
    HostApi(
        kind=fake_portaudio.MME,
        name="MME",
        devices=(
            Device(name="Microsoft Sound Mapper - Input", inputs=2),
            Device(name="Microphone (Realtek High Defini", inputs=2, is_default=True),
            Device(name="Hi-Fi Cable Output (VB-Audio Hi", inputs=8),
            Device(name="Microsoft Sound Mapper - Output", outputs=2),
            Device(name="Speakers (Realtek High Definiti", outputs=2, is_default=True),
        ),
    ),
    HostApi(
        kind=fake_portaudio.DIRECTSOUND,
        name="Windows DirectSound",
        devices=(
            Device(name="Primary Sound Capture Driver", inputs=2, is_default=True),
            Device(name="Microphone (Realtek High Definition Audio)", inputs=2),
            Device(name="Hi-Fi Cable Output (VB-Audio Hi-Fi Cable)", inputs=8),
            Device(name="Speakers (Realtek High Definition Audio)", outputs=2, is_default=True),
        ),
    ),
    HostApi(
        kind=fake_portaudio.WASAPI,
        name="Windows WASAPI",
        devices=(
            Device(
                name="Speakers (Realtek High Definition Audio)",
                outputs=8,
                rate_hz=48_000,
                is_default=True,
            ),
            Device(name="Hi-Fi Cable Output (VB-Audio Hi-Fi Cable)", inputs=8, rate_hz=44_100),
            Device(
                name="マイク (Realtek High Definition Audio)",
                inputs=2,
                rate_hz=48_000,
                is_default=True,
            ),
        ),
    ),
    HostApi(
        kind=fake_portaudio.WDMKS,
        name="Windows WDM-KS",
        devices=(
            Device(name="Microphone (Realtek HD Audio Mic input)", inputs=2),
            Device(name="Line In", inputs=2),
        ),
    ),
)
MIXERS = {9: (48_000, 8), 10: (44_100, 8), 11: (48_000, 2)}  # device: (rate, channels)


def by_mixer(stream: Opened) -> int:
    """Accept a stream as GetClosestFormat does: only with the mixer's rate and channels, unless
    Windows may convert."""
    if (
        stream.flags & fake_portaudio.AUTO_CONVERT
        or (stream.rate_hz, stream.channels) == MIXERS[stream.device]
    ):
        return 0
    return fake_portaudio.UNSUPPORTED_RATE


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio.installed(monkeypatch, LAPTOP)
    fake.opens = by_mixer
    return fake


def test_each_device_is_listed_once_with_its_full_name_and_rate(laptop) -> None:
    assert [(device.index, device.name, device.rate_hz) for device in list_devices()] == [
        (10, "Hi-Fi Cable Output (VB-Audio Hi-Fi Cable)", 44_100),
        (11, "マイク (Realtek High Definition Audio)", 48_000),
    ]
    assert [device.name for device in list_devices("output")] == [
        "Speakers (Realtek High Definition Audio)"
    ]


def test_the_default_is_wasapis_not_that_of_the_first_interface(laptop) -> None:
    assert find_device(list_devices(), None).index == 11
    assert find_device(list_devices("output"), None, "output").index == 9


def test_a_name_truncated_by_mme_finds_the_full_one(laptop) -> None:
    assert find_device(list_devices(), "Hi-Fi Cable Output (VB-Audio Hi").index == 10
    assert find_device(list_devices(), "マイク").index == 11


def test_without_a_microphone_mmes_mapper_does_not_count_as_one(monkeypatch) -> None:
    speakers = HostApi(
        kind=fake_portaudio.WASAPI, name="Windows WASAPI", devices=LAPTOP[2].devices[:1]
    )
    FakePortAudio.installed(monkeypatch, (LAPTOP[0], LAPTOP[1], speakers))
    with pytest.raises(AudioError, match="no audio input device found"):
        find_device(list_devices(), None)


def test_asio_drivers_are_listed_with_wasapis_devices(monkeypatch) -> None:
    asio = HostApi(
        kind=fake_portaudio.ASIO,
        name="ASIO",
        devices=(Device(name="Focusrite USB ASIO", inputs=4),),
    )
    FakePortAudio.installed(monkeypatch, (*LAPTOP[:2], asio, *LAPTOP[2:]))
    assert list_devices()[0].name == "Focusrite USB ASIO"
    assert find_device(list_devices(), None).name.startswith("マイク")


def test_one_undecodable_name_does_not_hide_other_devices(monkeypatch, caplog, capsys) -> None:
    cut = "マイク".encode()[:-1].decode(errors="surrogateescape")  # in the middle of a character
    wasapi = HostApi(
        kind=fake_portaudio.WASAPI,
        name="Windows WASAPI",
        devices=(Device(name=cut, inputs=1), *LAPTOP[2].devices),
    )
    FakePortAudio.installed(monkeypatch, (*LAPTOP[:2], wasapi))
    assert [device.name for device in list_devices()] == [
        device.name for device in LAPTOP[2].devices if device.inputs
    ]
    assert "audio device 9 is skipped: its name b" in caplog.text
    devices.print_names()  # used to find a lost device again
    seen = [
        line for line in capsys.readouterr().out.splitlines() if line.endswith("\tWindows WASAPI")
    ]
    assert seen == [f"{device.name}\tWindows WASAPI" for device in LAPTOP[2].devices]


def test_a_device_opens_at_another_rate_and_channel_count(
    laptop, monkeypatch, wait_for, reports
) -> None:
    capture = DeviceCapture(None, SystemClock(), reports)
    capture.start()
    wait_for(lambda: capture.ring.newest > 1000, "sound")
    monkeypatch.setitem(MIXERS, 11, (96_000, 2))  # changed in Windows' sound settings
    capture.open_stream(find_device(list_devices(), None)).close()
    capture.close()
    assert laptop.opened[-1].rate_hz == capture.ring.sample_rate_hz == 48_000
    DeviceOutput(None, SystemClock(), reports).close()
    assert (laptop.opened[-1].device, laptop.opened[-1].channels) == (9, 2), (
        "although the mixer has eight"
    )
    assert all(stream.is_closed for stream in laptop.opened)


def test_input_latency_is_the_mixers_period_not_the_buffer(laptop, clock: SteppedClock) -> None:
    blocks = []
    stream = open_input(
        find_device(list_devices(), None), 2, 48_000, lambda *block: blocks.append(block), clock
    )
    stream.watch()
    stream.close()
    [(block, began_s, _)] = blocks
    assert clock.now_s() - began_s == pytest.approx(len(block) / 48_000 + 0.01)


def test_a_microphone_blocked_for_desktop_apps_is_reported_with_where_to_allow_it(
    laptop, reports
) -> None:
    laptop.opens = lambda stream: fake_portaudio.INVALID_DEVICE
    with pytest.raises(
        AudioError,
        match=r"'マイク .* cannot be opened: .*Invalid device.* \(Settings, Privacy & security",
    ):
        DeviceCapture(None, SystemClock(), reports)
    with pytest.raises(AudioError, match=r"'Speakers .*Invalid device \[PaErrorCode -9996\]$"):
        DeviceOutput(None, SystemClock(), reports)
