"""Prints notices to the terminal: the receiver if the settings name no other."""

from collections.abc import Callable

from rich.console import Console

from watchkeeper.alerting.pager import show
from watchkeeper.schemas.alerts import Notice
from watchkeeper.streams.fold.outlet import always
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.notify.receiver import Opening


class TerminalDeliverer:
    """Prints alerts when they fire and when they are resolved. It does not print repeats."""

    def __init__(self, console: Console, as_json: bool = False) -> None:
        self._console = console
        self._as_json = as_json

    async def deliver(self, messages: list[Message], is_current: Callable[[], bool] = always) -> None:
        """Print the notices of alerts that fired or were resolved."""
        for message in messages:
            notice = Notice.model_validate_json(message.value)
            if notice.change in ("fired", "resolved"):
                show(self._console, notice.alert, self._as_json)

    async def close(self) -> None:
        """Do nothing: the console belongs to the caller."""


def terminal(opening: Opening) -> TerminalDeliverer:
    """Return the deliverer that prints to standard output."""
    return TerminalDeliverer(Console(), opening.json_pages)
