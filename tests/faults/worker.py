"""A worker process that freezes in the middle of a save on request, optionally with planted faults.

Apart from that it is `watchkeeper worker`. No code of `streams/` depends on this file.
"""

import functools
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults import plants
from watchkeeper.streams.fold.fence import Fence

TRIGGER = "FAULTS_FREEZE_FILE"
PLANT = "FAULTS_PLANT"


def freeze_when_asked(trigger: Path) -> None:
    """Stop this process just before it writes a checkpoint, if the file exists. The file is removed."""
    write = Fence.write

    @functools.wraps(write)
    def frozen(self: Fence, records: Sequence[Any]) -> None:
        try:
            trigger.unlink()
        except FileNotFoundError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGSTOP)
        write(self, records)

    Fence.write = frozen  # type: ignore[method-assign]


if __name__ == "__main__":
    from watchkeeper.streams.cli.app import main

    if PLANT in os.environ:
        plants.PLANTS[os.environ[PLANT]].plant()
    if TRIGGER in os.environ:
        freeze_when_asked(Path(os.environ[TRIGGER]))
    main()
