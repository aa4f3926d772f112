"""The checks of `watchkeeper doctor`: one file for each subject, over facts that were read once."""

from watchkeeper.streams.cli.checkups.checkup import Checkup, worst_first
from watchkeeper.streams.cli.checkups.configuration import check_configuration
from watchkeeper.streams.cli.checkups.environment import check_environment
from watchkeeper.streams.cli.checkups.topics import check_topics
from watchkeeper.streams.cli.checkups.work import check_work

__all__ = [
    "Checkup",
    "check_configuration",
    "check_environment",
    "check_topics",
    "check_work",
    "worst_first",
]
