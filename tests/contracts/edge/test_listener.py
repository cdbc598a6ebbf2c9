"""Accepting connections: one at a time, and through a shortage of descriptors."""

import asyncio
import errno
import socket
from typing import cast

from tests.contracts.edge.handlers import echo
from tests.contracts.edge.servers import ServeOwn
from tests.contracts.edge.wire import WireClient, get
from turnout.serve.edge.listener import Listener


class ExhaustedSocket(socket.socket):
    """A listening socket whose first accept finds no descriptor left."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.accepts += 1
        if self.accepts == 1:
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


class Greeter(asyncio.Protocol):
    """Says hello and leaves."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        writing = cast("asyncio.WriteTransport", transport)  # uvloop's is none by name
        writing.write(b"hello")
        writing.close()


async def test_a_shortage_of_descriptors_delays_a_client_and_loses_none() -> None:
    sock = ExhaustedSocket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    listener = Listener(sock, Greeter, held=lambda: 0, is_alone=lambda: True)
    listener.start()
    async with WireClient(*sock.getsockname()) as client:
        assert await client.rest() == b"hello"
    await listener.close()
    assert sock.accepts > 1
    assert not listener.is_open


async def test_clients_in_the_queue_when_the_last_listener_stops_are_served() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    address = sock.getsockname()
    listener = Listener(sock, Greeter, held=lambda: 0, is_alone=lambda: True)
    listener.start()
    loop = asyncio.get_running_loop()
    queued = [socket.create_connection(address) for _ in range(3)]
    listener.stop()
    await listener.settle()
    for each in queued:
        each.setblocking(False)
        assert await asyncio.wait_for(loop.sock_recv(each, 10), 5) == b"hello"
        each.close()


async def test_accepted_sockets_send_without_delay(serve_own: ServeOwn) -> None:
    edge = await serve_own(echo)
    async with WireClient(edge.host, edge.port) as client:
        await client.ask(get())
        (connection,) = edge._traffic.connections
        accepted = connection._transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
