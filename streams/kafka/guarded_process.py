"""A child process that ends with this process, even if this process is killed with SIGKILL."""

import atexit
import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["GuardedProcess"]

# Only this process holds the other end of the pipe on standard input. When this process ends, `read` fails
# and the guard kills the program, which runs under the shell's process id. This works on Linux and macOS,
# without a pid file.
_SCRIPT = """
exec 3<&0; folder=$1; shift
(read -r _ <&3 || { kill -9 $$; sleep 0.2; test -z "$folder" || rm -rf -- "$folder"; }) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"""


class GuardedProcess:
    """A running program whose output goes to a file.

    Args:
        command: The program and its arguments.
        log: The file for its output.
        folder: A folder to remove if this process ends without calling `stop`, or None.
    """

    def __init__(self, command: Sequence[str | Path], log: Path, folder: Path | None = None) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", _SCRIPT, "sh", folder or "", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C must not reach the program: the caller stops it last.
            )
        atexit.register(self._abandon)  # This also keeps the object, and so the pipe, alive until then.

    @property
    def ended(self) -> bool:
        """Whether the program is no longer running."""
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Kill the program. A second call does nothing."""
        atexit.unregister(self._abandon)
        self._process.kill()
        self._process.wait()
        self._close_pipe(b"\n")  # The guard must not kill: another process may have the process id now.

    def _abandon(self) -> None:
        self._close_pipe(b"")

    def _close_pipe(self, last: bytes) -> None:
        """Write to the pipe and close it. If nothing is written, the guard kills the program."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(last)
