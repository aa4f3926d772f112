"""The exception tree of `streams`: what each error means, who catches it, and how the program ends.

    WatchkeeperError            the root; never raised directly
    ├─ UserError                the user can fix it: `streams/cli/app.py` prints the message; exit code 2
    │  ├─ SettingsError         a setting can't be used (also a ValueError)
    │  ├─ BrokerError           a request to the broker failed; readers and stores retry
    │  └─ DeclarationError      a stage names a topic or sink that does not exist; the worker does not start
    ├─ Unrecoverable            a worker can't continue: `Worker` logs the message; exit code 70
    │  ├─ Undeliverable         the broker rejects an output permanently
    │  ├─ UndeclaredOutput      a fold sends a message to a topic or sink that its stage does not declare
    │  ├─ UnreadableCheckpoint  a checkpoint is damaged, newer, or of another source
    │  └─ NewerFormat           a record has a format that this program does not know
    ├─ Superseded               another worker owns the partition: `Worker` drops its state and continues
    ├─ NotOwner                  another worker may own the partition: `Keeper` raises Superseded
    ├─ NoticesRefused           a receiver rejects notices permanently: `Receiver` logs and counts them
    ├─ BatchTooLarge            a batch has too many bytes decompressed (also a ValueError): it is rejected
    ├─ BatchTooLong             a batch has too many records (also a ValueError): it is rejected
    ├─ ForeignHeaders           no worker wrote a record's headers (also a ValueError): `Keeper` rejects it
    └─ _Aborted                 a transaction was aborted and can be retried: `Fence` retries it

Every other exception that reaches `Worker` is a bug: `Worker` logs the traceback; exit code 70.
Each class is defined in the module that raises it. docs/reference/exit-codes.md lists the codes for users.
"""


class WatchkeeperError(Exception):
    """The base class of all errors that `streams` defines."""


class UserError(WatchkeeperError):
    """An error that the user can fix.

    The message is one sentence: what is wrong, where, and how to fix it. Commands print it and exit with 2.
    """


class DeclarationError(UserError):
    """The declaration of a stage cannot work. It is checked before the worker starts."""


class Unrecoverable(WatchkeeperError):
    """An error after which a worker can't continue. It stops before it acknowledges anything.

    The message is one sentence: the reason and the remedy.
    """


class UndeclaredOutput(Unrecoverable):
    """A fold sends a message to a topic or sink that its stage does not declare. The message was not sent.

    Args:
        whose: The sender, such as `ingest/0`.
        destination: The undeclared topic or sink.
    """

    def __init__(self, whose: str, destination: str) -> None:
        super().__init__(
            f"{whose} sends a message to {destination!r}, which is not a topic or sink that it declares: "
            "declare it in streams/topics/flow.py"
        )


def uncapital(text: str) -> str:
    """Return a sentence with a lower-case first letter, to put it inside another one. Acronyms stay.

    >>> uncapital("Input should be less"), uncapital("URL scheme should be 'http'")
    ('input should be less', "URL scheme should be 'http'")
    """
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
