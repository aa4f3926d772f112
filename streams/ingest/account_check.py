"""Checks all the time that the account adds up: each record that was folded has exactly one outcome."""

from collections import Counter
from collections.abc import Mapping

from watchkeeper.streams.ingest.accounts import Account

__all__ = ["AccountCheck"]


class AccountCheck:
    """Compares the records that ingest was given with the outcomes that it counted, since the last restore.

    A checkpoint has state and offsets in one record, so no difference can arise between two lives of a fold.
    The keeper accounts for the offsets without records.

    Args:
        accounts: The accounts as they were restored, by topic.

    >>> accounts = {"labels": Account(accepted=5)}
    >>> check = AccountCheck(accounts)
    >>> check.note("labels", 3)
    >>> accounts["labels"].accepted += 2
    >>> check.differences(accounts)
    {'labels': 1}
    """

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._before = {topic: account.total for topic, account in accounts.items()}
        self._given: Counter[str] = Counter()

    def note(self, topic: str, records: int) -> None:
        """Count records that were given to ingest.

        Args:
            topic: The topic of the records.
            records: The number of records.
        """
        self._given[topic] += records

    def differences(self, accounts: Mapping[str, Account]) -> dict[str, int]:
        """Return for each topic the records without an outcome; negative: outcomes without a record.

        Args:
            accounts: The accounts as they are now.
        """
        return {
            topic: self._given[topic] + self._before.get(topic, 0) - account.total
            for topic, account in accounts.items()
        }
