"""The measured span of one contestant: from its first record to its last, wall clock and CPU."""

import json
import os
import sys
import time


class Span:
    """Times `events` records. Call `begin` when the first has arrived, and `end` when the last is folded.

    CPU seconds are user and system time of all threads of this process.
    """

    def __init__(self, events: int) -> None:
        self.events = events
        self._began = (0.0, 0.0)

    def begin(self) -> None:
        """Start both clocks."""
        self._began = (time.perf_counter(), time.process_time())

    def end(self) -> None:
        """Print the figures as a line of JSON and exit at once.

        An orderly exit of a Faust worker or a Quix application takes seconds that are not measured.
        """
        seconds = time.perf_counter() - self._began[0]
        cpu_seconds = time.process_time() - self._began[1]
        report(self.events, seconds, cpu_seconds)
        os._exit(0)


def report(events: int, seconds: float, cpu_seconds: float) -> None:
    """Print the figures. `benchmarks.contest` reads them from the last line of the output."""
    out = sys.__stdout__  # Faust redirects sys.stdout to its log
    print(
        json.dumps({"events": events, "seconds": seconds, "cpu_seconds": cpu_seconds}), file=out, flush=True
    )
