"""A child's loop receives the engine's messages, with a real pipe and real ChildCounters."""

from collections.abc import Iterator

import pytest

from engine.children.mailbox import Mailbox
from engine.children.messages import ToChild, Update
from engine.children.port import ChildPort
from engine.ipc import ChildCounters, ControlPipe, Phase
from engine.ipc.control_pipe import open_pipe


@pytest.fixture
def mailbox_and_port() -> Iterator[tuple[Mailbox, ChildPort]]:
    ours, theirs = open_pipe()
    with ours, theirs:
        pipe: ControlPipe[ToChild] = ControlPipe(theirs, ToChild)
        counters = ChildCounters.create("a port's counters")
        mailbox = Mailbox(pipe, counters)
        yield (
            mailbox,
            ChildPort(settings={}, send=pipe.send, mailbox=mailbox, counters=counters, gate=None),
        )
        counters.close()


def test_a_poll_takes_one_message_so_that_too_many_do_not_block_the_loop(
    mailbox_and_port: tuple[Mailbox, ChildPort],
) -> None:
    mailbox, port = mailbox_and_port
    for number in (1, 2):
        mailbox.updates.put(Update(number=number, values={"/toy/level": number}))
    port.poll()
    assert (port.values, port.values_version) == ({"/toy/level": 1}, 1)
    port.poll()
    assert (port.values, port.values_version) == ({"/toy/level": 2}, 2)
    port.poll()
    assert port.values_version == 2


def test_a_poll_renews_idle_and_no_other_phase(mailbox_and_port: tuple[Mailbox, ChildPort]) -> None:
    _, port = mailbox_and_port
    for phase in (Phase.IDLE, Phase.RUNNING):
        port.enter(phase)
        entered = port.counters.progress
        port.poll()
        assert (port.counters.progress != entered) == (phase is Phase.IDLE)
