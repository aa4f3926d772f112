"""A process that is busy has not lost its partitions; one that was frozen may have."""

import signal
import subprocess
import sys
import time

LIMIT_SECONDS = 2
LONGER_SECONDS = 3
PROGRAM = f"""
import sys, time
from watchkeeper.streams.worker.pauses import Pauses
pauses = Pauses({LIMIT_SECONDS} * 1000)
pauses.watch()
end = time.monotonic() + {LONGER_SECONDS}
while time.monotonic() < end:  # an event loop that has no time for anything else
    pass
print(pauses.count(), flush=True)
sys.stdin.readline()
print(pauses.count(), flush=True)
"""


def test_a_busy_process_did_not_stand_still_and_a_frozen_one_did() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(LONGER_SECONDS)
        process.stdin.write("\n")
        process.stdin.flush()
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == "1\n"
