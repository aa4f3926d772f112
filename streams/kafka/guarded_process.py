"""A program that ends with us, however we end: by `stop`, an exception, SIGTERM or kill -9."""

import atexit
import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["GuardedProcess"]

# The pipe on standard input is ours alone: when we are gone `read` fails, and the guard kills the program,
# which has taken over the shell's process id. This needs no pid file, and works on Linux and macOS.
_SCRIPT = """
exec 3<&0; folder=$1; shift
(read -r _ <&3 || { kill -9 $$; sleep 0.2; test -z "$folder" || rm -rf -- "$folder"; }) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"""


class GuardedProcess:
    """A running program whose output goes to a file.

    Its `folder`, where there is one, is removed if we end without stopping the program.
    """

    def __init__(self, command: Sequence[str | Path], log: Path, folder: Path | None = None) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", _SCRIPT, "sh", folder or "", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we stop the program last
            )
        atexit.register(self._abandon)  # which also keeps us, and so the pipe, until then

    @property
    def ended(self) -> bool:
        """Whether the program is no longer running."""
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Kill the program; a second time does nothing."""
        atexit.unregister(self._abandon)
        self._process.kill()
        self._process.wait()
        self._leave(b"\n")  # the guard must not kill: the process id may be another program's by now

    def _abandon(self) -> None:
        self._leave(b"")

    def _leave(self, word: bytes) -> None:
        """Close the pipe; without a word, the guard kills the program and removes its folder."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(word)
