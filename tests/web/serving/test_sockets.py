"""WebSockets in an event loop of the test, with a client on a bare socket."""

import asyncio

from aiohttp import web

from engine.web.serving.sockets import Send, WebSockets
from tests.web.socket_client import BINARY, CLOSE, SocketClient


def opcodes_until_the_end(client: SocketClient) -> list[int]:
    opcodes = []
    try:
        while True:
            opcodes.append(client.read_frame()[0])
    except ConnectionError:
        client.close()
        return opcodes


def test_nothing_is_sent_after_the_close_to_a_client_that_reads_late() -> None:
    """A message that waited for the client once went out behind the close, which a browser calls an
    error."""

    async def talk() -> list[int]:
        sockets = WebSockets(lambda key, line: None)
        requests = []

        async def pour(send: Send) -> None:
            while True:
                await send(bytes(60_000))

        async def serve(request: web.Request) -> web.WebSocketResponse:
            requests.append(request)
            return await sockets.serve(request, on_message=print, send_messages=pour)

        app = web.Application()
        app.router.add_get("/", serve)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = await asyncio.to_thread(SocketClient, runner.addresses[0], "/", receive_bytes=4096)
        async with asyncio.timeout(120.0):
            while not requests[0].transport.get_write_buffer_size():
                await asyncio.sleep(0.01)
        _, opcodes = await asyncio.gather(
            sockets.close_all(), asyncio.to_thread(opcodes_until_the_end, client)
        )
        await runner.cleanup()
        return opcodes

    opcodes = asyncio.run(talk())
    assert opcodes[-1] == CLOSE and set(opcodes[:-1]) == {BINARY}
