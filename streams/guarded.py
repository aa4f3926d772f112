"""A program that ends with us, however we end: by `stop`, an exception, SIGTERM or kill -9."""

import atexit
import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["GuardedProcess"]

# The pipe on standard input is ours alone: when we are gone `read` fails, and the guard kills the program,
# which has taken over the shell's process id. This needs no pid file, and works on Linux and macOS.
_SCRIPT = 'exec 3<&0; (read -r _ <&3 || kill -9 $$) & exec "$@" 3<&- </dev/null'


class GuardedProcess:
    """A running program whose output goes to a file."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", _SCRIPT, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us: we stop the program last
            )
        atexit.register(self.stop)

    @property
    def ended(self) -> bool:
        """Whether the program is no longer running."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Kill the program; a second time does nothing."""
        atexit.unregister(self.stop)
        self._process.kill()
        self._process.wait()
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        """Tell the guard to go without killing: the process id may be another program's by now."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(b"\n")
