"""The errors of `streams`, as one tree: what each means, who catches it, and how the program ends.

    WatchkeeperError            the root; never raised itself
    ├─ UserError                the user can mend it: `streams/cli/app.py` prints the sentence; exit code 2
    │  ├─ SettingsError         a setting can't be used (also a ValueError)
    │  ├─ BrokerError           the broker did not do what was asked; readers and stores try again
    │  └─ WrongDeclaration      a stage names a topic or sink that does not exist; the worker does not start
    ├─ Unrecoverable            a worker can't go on: `Worker` logs the sentence; exit code 70
    │  ├─ Undeliverable         the broker refuses an output for good
    │  ├─ UndeclaredOutput      a fold sends a message to a topic or sink that its stage does not declare
    │  ├─ UnreadableCheckpoint  a checkpoint is damaged, of a newer format, or of another source
    │  ├─ NewerFormat           a record has a format that this program does not know
    │  └─ RejectedShareHigh     too many events were rejected: `Worker` pages on-call first; exit code 71
    ├─ Superseded               another worker has the partition: `Worker` drops its state and goes on
    ├─ NotOurs                  a delivery may be another worker's by now: `Keeper` turns it into Superseded
    ├─ NoticesRefused           a receiver refuses notices for good: `Receiver` logs and counts them
    ├─ ForeignHeaders           no worker wrote a record's headers (also a ValueError): `Keeper` rejects it
    └─ _Aborted                 a transaction was given up and can be tried again: `Fence` does so

Every other exception that reaches `Worker` is a fault in Watchkeeper: it logs the traceback; exit code 70.
Each class is defined beside what raises it. docs/reference/exit-codes.md lists the codes for users.
"""


class WatchkeeperError(Exception):
    """The root of all errors that `streams` defines."""


class UserError(WatchkeeperError):
    """What is wrong, where, and how to mend it, in one sentence; a command prints it and ends with code 2."""


class WrongDeclaration(UserError):
    """A stage is declared in a way that cannot work; found before the worker starts."""


class Unrecoverable(WatchkeeperError):
    """Why a worker can't go on, and what to do, in one sentence: it stops before anything is acknowledged."""


class UndeclaredOutput(Unrecoverable):
    """A fold sends a message to a topic or sink that its stage does not declare. Nothing of it was sent."""

    def __init__(self, whose: str, destination: str) -> None:
        super().__init__(
            f"{whose} sends a message to {destination!r}, which is no topic or sink that it declares: "
            "declare it in streams/topics/flow.py"
        )


def uncapital(text: str) -> str:
    """Let a sentence begin in the middle of another.

    >>> uncapital("Input should be less"), uncapital("URL scheme should be 'http'")
    ('input should be less', "URL scheme should be 'http'")
    """
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
