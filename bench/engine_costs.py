"""What the protocol engine costs by itself, in the server's CPU time and memory: `python -m bench.engine_costs`.

The client is simple, not fast: only the server's usage is counted. Linux only.
"""

import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

HEAD = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
IDLE, BODY = 5000, "x" * 64


@dataclass
class Server:
    """The relay in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def cpu(self) -> float:
        """Seconds of CPU used until now."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def connect(self, room: int | None = None) -> socket.socket:
        """Join the namespace, and a room if one is given."""
        client = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(HEAD)
        _read_until(client, b"maxPayload")
        client.sendall(frame("40"))
        _read_until(client, b'40{"sid"')
        if room is not None:
            client.sendall(frame(f'421["join",{{"room":"{room}"}}]'))
            _read_until(client, b"431[]")
        return client


def frame(packet: str) -> bytes:
    """A text frame under 64 KB, masked with zeros."""
    size = len(packet)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE, size >> 8, size & 255))
    return head + bytes(4) + packet.encode()


def _read_until(client: socket.socket, mark: bytes) -> None:
    seen = b""
    while mark not in seen:
        seen += client.recv(4096)


def connects(server: Server) -> list[socket.socket]:
    """Connect many, and print the cost of each."""
    server.connect().close()
    memory, cpu, begin = server.memory, server.cpu, time.perf_counter()
    clients = [server.connect() for _ in range(IDLE)]
    elapsed, used, grown = time.perf_counter() - begin, server.cpu - cpu, server.memory - memory
    print(
        f"connect, open, join a namespace   {used / IDLE * 1e6:8.1f} us CPU each, {IDLE / elapsed:,.0f}/s one after the other"
    )
    print(f"an idle connection                {grown / IDLE / 1024:8.2f} KB")
    return clients


def fan_out(server: Server, rooms: int, members: int, senders: int, rounds: int) -> None:
    """Let `senders` members of each room send at once, `rounds` times, and print the cost of a delivery."""
    clients = [[server.connect(room) for _ in range(members)] for room in range(rooms)]
    selector = selectors.DefaultSelector()
    for client in (client for room in clients for client in room):
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ)
    each_round = sum(map(_delivered, range(rooms))) * senders * members
    cpu = server.cpu
    for _ in range(rounds):
        for number, room in enumerate(clients):
            for sender in room[:senders]:
                sender.sendall(frame(f'42["msg",{{"room":"{number}","body":"{BODY}"}}]'))
        _drain(selector, each_round)
    deliveries = rounds * rooms * senders * members
    used = server.cpu - cpu
    scene = f"{rooms} rooms of {members}, {senders} speak"
    print(f"{scene:33} {used / deliveries * 1e6:8.2f} us CPU per delivery ({deliveries:,})")
    for client in (client for room in clients for client in room):
        client.close()


def _delivered(room: int) -> int:
    """Return the bytes of one delivery."""
    packet = len(f'42["msg",{{"room":"{room}","body":"{BODY}"}}]')
    return packet + (2 if packet < 126 else 4)


def _drain(selector: selectors.BaseSelector, expected: int) -> None:
    while expected > 0:
        for key, _ in selector.select():
            expected -= len(key.fileobj.recv(1 << 18))  # type: ignore[union-attr]


def main() -> None:
    """Measure everything once."""
    command = [sys.executable, "-m", "bench.relay"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own relay
        server = Server(process, int(cast("IO[bytes]", process.stdout).readline()))
        try:
            for client in connects(server):
                client.close()
            fan_out(server, rooms=1, members=500, senders=10, rounds=100)
            fan_out(server, rooms=100, members=10, senders=2, rounds=50)
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
