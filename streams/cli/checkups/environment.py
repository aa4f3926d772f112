"""The check of environment variables: each with the prefix of settings is a setting."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from watchkeeper.streams.cli.checkups.checkup import Checkup
from watchkeeper.streams.settings import PREFIX, Settings, variable

__all__ = ["check_environment"]


def check_environment(environment: Mapping[str, str]) -> Iterator[Checkup]:
    """Check that every variable with the prefix of settings is a setting.

    >>> [checkup.what for checkup in check_environment({"WATCHKEEPER_BROKERS": "a:1", "HOME": "/"})]
    ['WATCHKEEPER_BROKERS is not a setting; did you mean WATCHKEEPER_BROKER?']
    """
    known = [variable(name) for name in Settings.model_fields]
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            close = get_close_matches(name, known, 1)
            yield Checkup(
                "warn", f"{name} is not a setting" + (f"; did you mean {close[0]}?" if close else "")
            )
