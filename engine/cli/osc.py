"""`multiverse osc ...`: talk to a running engine from a shell or a script."""

import json
import os
import random
import re
import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from engine.cli import git_bash
from engine.errors import MultiverseError, UsageError
from engine.system.plain_text import escaped

if TYPE_CHECKING:
    from engine.control import OscClient
    from engine.osc.decode import Message

app = typer.Typer(help="Talk to a running engine.", no_args_is_help=True)

ANSWER_WITHIN_S = 5.0
ENDS_WITH_DONE = ("/engine/quit", "/engine/status")  # no picture may follow, and so no /synced
FAILURE_WITHIN_S = 0.25  # refusals are answered at once
MAX_LISTED = 4000  # entries per answer; the engine queues 8192 packets
MIN_PRINTED_HZ = 0.1  # a lower rate means that the sender has stopped
STATUS_HINT = (
    "`multiverse osc listen` prints what changes, `multiverse osc send /engine/status "
    "--wait` the state"
)

ENGINE = "127.0.0.1:9000"
Target = Annotated[
    str,
    typer.Option(
        "--to", metavar="HOST:PORT", help="The engine's OSC address; localhost is 127.0.0.1."
    ),
]
OverTcp = Annotated[bool, typer.Option("--tcp", help="Send over TCP instead of UDP.")]


class UnmappedMessage(NamedTuple):
    """An entry of the answer to `/map/heard`: messages of another program that nothing maps."""

    address: str
    sender: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs
    rate_hz: float
    arguments: str


# otherwise -45 would be read as an option
@app.command(context_settings={"ignore_unknown_options": True})
def send(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="For example /layer/1/angle.")],
    args: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARGS]...",
            help="1 is an int, 0.5 a float, true a bool, add a text; i:3 f:3 s:3 choose the type.",
        ),
    ] = None,
    to: Target = ENGINE,
    tcp: OverTcp = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Print the answers and wait until the message has taken effect; exit code 1 if "
            "it failed.",
        ),
    ] = False,
) -> None:
    """Send one message. If it is refused at once, the reason is printed and the exit code is 1."""
    within_s = ANSWER_WITHIN_S if wait or address == "/get" else None  # a query prints its answer
    carry_out(address, args or [], to, tcp=tcp, within_s=within_s)


def carry_out(
    address: str, args: list[str], to: str, *, tcp: bool = False, within_s: float | None
) -> None:
    """Send a message and print its answers, which must arrive within that time; `within_s` None:
    print only a refusal.

    Raises typer.Exit with code 1 if the message failed."""
    from engine.osc.encode import encode_message

    if not address.startswith("/"):
        reason = f"{address}: an OSC address begins with /"
        raise UsageError(
            f"{reason}; {git_bash.ADVICE}" if git_bash.is_active(os.environ) else reason
        )
    for text in (address, *args):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            printable = os.fsencode(text).decode("utf-8", "backslashreplace")
            raise UsageError(f"{printable}: is not valid UTF-8, which OSC requires") from None
    packet = encode_message(address, *map(read_argument, args))
    with closing(_connect(to, tcp)) as client:
        client.send(packet)
        has_failed = (
            _print_failure(client, address)
            if within_s is None
            else _print_answers(client, address, within_s)
        )
    if has_failed:
        raise typer.Exit(1)


@app.command()
def listen(
    to: Target = ENGINE,
    tcp: OverTcp = False,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Stop after this many seconds.")
    ] = None,
) -> None:
    """Print every value and then every change, until Ctrl-C."""
    from engine.osc.encode import encode_message

    client = _connect(to, tcp)
    end_s = time.perf_counter() + (float("inf") if seconds is None else seconds)
    try:
        client.send(encode_message("/engine/notify", 1))
        while (left_s := end_s - time.perf_counter()) > 0.0:
            message = client.receive(min(left_s, ANSWER_WITHIN_S))
            if message is None and left_s > ANSWER_WITHIN_S:  # not even a heartbeat arrived
                raise MultiverseError(f"{to}: nothing received for {ANSWER_WITHIN_S:.0f} s")
            if message is not None and message.address not in ("/engine/heartbeat", "/done"):
                print(as_line(message), flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        client.send(encode_message("/engine/notify", 0))
        client.close()


@app.command("heard")
def list_unmapped(
    filters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORDS]...", help="List only entries that contain all of these words."
        ),
    ] = None,
    to: Target = ENGINE,
    tcp: OverTcp = False,
    most: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, max=MAX_LISTED, help="List only the N most recent addresses."
        ),
    ] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List unmapped messages of other programs: address, sender, count, rate and last arguments."""
    with closing(_connect(to, tcp)) as client:
        entries, total = _query_unmapped(client, most)
    unlisted = total - len(entries)
    if filters:
        texts = [text.lower() for text in filters]
        entries = [
            entry
            for entry in entries
            if all(text in " ".join(map(str, entry)).lower() for text in texts)
        ]
    if as_json:
        print(json.dumps([entry._asdict() for entry in entries], indent=2))
        return
    senders: dict[str, list[UnmappedMessage]] = {}
    for entry in entries:
        senders.setdefault(entry.sender, []).append(entry)
    for sender, found in senders.items():
        print(f"{sender}: {len(found)} {'address' if len(found) == 1 else 'addresses'} not mapped")
        for address, _, count, rate_hz, arguments in sorted(found):
            often = "once" if count == 1 else f"{count} times"
            often += (
                f", {rate_hz:.3g} per second" if count > 1 and rate_hz >= MIN_PRINTED_HZ else ""
            )
            print(f"  {escaped(address) or '(empty)'} {escaped(arguments)}  ({often})")
    if not entries:
        print("No unmapped messages." if not total else "No entry contains these words.")
    if unlisted:
        print(f"{unlisted} more are not listed (--most N).")
    if entries:
        print('To map one: multiverse osc send /map/add "osc ADDRESS" /layer/1/intensity')


def _query_unmapped(client: "OscClient", most: int) -> tuple[list[UnmappedMessage], int]:
    """The entries, and their total number in the engine. Raises MultiverseError if it does not
    answer or refuses."""
    from engine.osc.encode import encode_message

    client.send(encode_message("/map/heard", most))
    entries: list[UnmappedMessage] = []
    while True:
        message = client.receive(ANSWER_WITHIN_S)
        if message is None:
            raise MultiverseError(
                f"{client.target}: no answer in {ANSWER_WITHIN_S:g} s; does the engine run there?"
            )
        if message.address == "/map/unmapped":
            entries.append(UnmappedMessage._make(message.args))
        elif message.address == "/fail" and message.args[:1] == ("/map/heard",):
            raise MultiverseError(f"{client.target}: {message.args[1]}")
        elif message.address == "/done" and message.args[:1] == ("/map/heard",):
            total = message.args[2]
            assert isinstance(total, int)
            return entries, total


def read_argument(text: str) -> int | float | bool | str:
    """Parse an argument: `1` int, `0.5` float, `true` bool, else text; `i:` `f:` `s:` set the type.
    UsageError."""
    kind, colon, rest = text.partition(":")
    try:
        if colon and kind == "i":
            return _in_64_bits(int(rest))
        if colon and kind == "f":
            return _in_32_bits(float(rest))
    except ValueError:
        raise UsageError(
            f"{text}: not a number for {'an int' if kind == 'i' else 'a float'}"
        ) from None
    if colon and kind == "s":
        return rest
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[+-]?\d+", text):
        return _in_64_bits(int(text))
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+(?=e))(e[+-]?\d+)?", text, re.IGNORECASE):
        return _in_32_bits(float(text))
    return text


def as_line(message: "Message") -> str:
    """The printed form of an answer: `/layer/1/angle 45`."""
    return escaped(
        " ".join(
            [message.address, *(f"{a:g}" if isinstance(a, float) else str(a) for a in message.args)]
        )
    )


def _in_64_bits(number: int) -> int:
    if not -(2**63) <= number < 2**63:
        raise UsageError(f"{number}: more than 64 bits")
    return number


def _in_32_bits(number: float) -> float:
    if 3.4028235e38 < abs(number) < float("inf"):
        raise UsageError(f"{number:g}: more than a 32-bit float holds")
    return number


def _connect(to: str, tcp: bool) -> "OscClient":
    from engine.config import split_host_port
    from engine.control import OscClient

    return OscClient(*split_host_port(to, "--to"), tcp=tcp)


def _print_answers(client: "OscClient", address: str, within_s: float) -> bool:
    """Print answers until the message has taken effect and, for a command, `/done` has come; True
    if it failed."""
    import osc_schema
    from engine.osc.encode import encode_message

    command = osc_schema.lookup_command(address)
    waits_for = {"/synced"}
    if command is not None and any(reply.startswith("/done") for reply in command.replies):
        waits_for.add("/done")
    number = random.randrange(1, 2**31)
    client.send(encode_message("/sync", number))
    end_s = time.perf_counter() + within_s
    has_answered = False
    while waits_for:
        message = client.receive(end_s - time.perf_counter())
        if message is None:
            reason = f"no answer in {within_s:g} s; does the engine run there?"
            if "/synced" not in waits_for:
                reason = (
                    f"the engine answers, but {address} is still running after {within_s:g} "
                    f"s; {STATUS_HINT}"
                )
            elif has_answered:
                reason = (
                    f"the engine answers, but has drawn no picture for {within_s:g} s; "
                    f"{STATUS_HINT}"
                )
            raise MultiverseError(f"{client.target}: {reason}")
        if message.address == "/synced" and message.args == (number,):
            waits_for.discard("/synced")
            continue
        print(as_line(message))
        has_answered = True
        if message.address == "/fail":
            return True
        if message.address == "/done" and message.args[:1] == (address,):
            waits_for.discard("/done")
            if address in ENDS_WITH_DONE:
                return False
    return False


def _print_failure(client: "OscClient", address: str) -> bool:
    """Print a refusal; True if one came at once. Most successful messages are not answered."""
    end_s = time.perf_counter() + FAILURE_WITHIN_S
    while (message := client.receive(end_s - time.perf_counter())) is not None:
        if message.address == "/fail":
            print(as_line(message))
            return True
        if message.address == "/done" and message.args[:1] == (address,):
            break
    return False
