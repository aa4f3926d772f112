"""A TCP proxy in front of brokers, in its own process, that simulates a bad network on command.

    python -m tests.faults.proxy 9093:9092 9095:9094

It reads one command per line. `cut` breaks every connection in the middle of a transmission. `slow SECONDS`
delays each chunk. `refuse` accepts no connections and breaks the existing ones. `clear` returns to normal.
"""

import asyncio
import contextlib
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

_PIECE = 1 << 16
_RESET = struct.pack("ii", 1, 0)


class Network:
    """The current faults of the network, for all connections."""

    def __init__(self) -> None:
        self.delay_seconds = 0.0
        self.refuses = False
        self.cut_next = False
        self._open: set[asyncio.StreamWriter] = set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int) -> None:
        """Carry one connection until either side ends it."""
        if self.refuses:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            _reset(writer)
            return
        both = writer, far_writer
        self._open.update(both)
        carried = [
            asyncio.ensure_future(self._carry(reader, far_writer, both)),
            asyncio.ensure_future(self._carry(far_reader, writer, both)),
        ]
        await asyncio.wait(carried, return_when=asyncio.FIRST_COMPLETED)
        for task in carried:
            task.cancel()
        for end in both:
            self._open.discard(end)
            _reset(end)

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, ...],
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if self.cut_next and len(piece) > 200:  # a request with records: only half of it arrives
                    self.cut_next = False
                    writer.write(piece[: len(piece) // 2])
                    await writer.drain()
                    self.cut()
                    return
                writer.write(piece)
                await writer.drain()

    def cut(self) -> None:
        """Break all connections."""
        for writer in list(self._open):
            _reset(writer)

    def handle(self, line: str) -> None:
        """Execute a command."""
        name, *given = line.split()
        if name == "cut":
            self.cut_next = True
        elif name == "slow":
            self.delay_seconds = float(given[0])
        elif name == "refuse":
            self.refuses = True
            self.cut()
        elif name == "clear":
            self.refuses, self.delay_seconds, self.cut_next = False, 0.0, False


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        connection = writer.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()


async def _serve(pairs: list[tuple[int, int]]) -> None:
    network = Network()
    for listen, target in pairs:

        async def handle(r: asyncio.StreamReader, w: asyncio.StreamWriter, target: int = target) -> None:
            await network.connect(r, w, target)

        await asyncio.start_server(handle, "127.0.0.1", listen, limit=_PIECE)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        network.handle(line)
    os._exit(0)  # the parent process has ended, so no connection is needed


class Proxy:
    """A proxy process. It ends with its parent, because its standard input closes then."""

    def __init__(self, pairs: list[tuple[int, int]]) -> None:
        command = [sys.executable, "-m", "tests.faults.proxy", *(f"{a}:{b}" for a, b in pairs)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "the proxy did not start"

    def send(self, command: str) -> None:
        """Send a command to the proxy."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve([(int(a), int(b)) for a, b in (pair.split(":") for pair in sys.argv[1:])]))
