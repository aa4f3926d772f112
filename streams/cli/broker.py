"""`watchkeeper broker`: run the embedded broker in the foreground."""

import signal
import threading
from typing import Annotated

import typer

from watchkeeper.streams.kafka.embedded import EmbeddedBroker

__all__ = ["broker"]

Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 chooses a free port.")
]


def broker(port: Port = 9092) -> None:
    """Run a Kafka-compatible broker in memory, for trials.

    The command prints the broker's address and runs until Ctrl-C. All data is lost when it ends. Do not use
    it in production. It requires the extra `watchkeeper[embedded]`.

    \b
    Examples:
      watchkeeper broker
      watchkeeper broker --port 0
    """  # noqa: D301
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    embedded = EmbeddedBroker(port)
    with embedded:
        typer.echo(embedded.address)
        while not stop.wait(1):
            embedded.check()
