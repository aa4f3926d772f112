"""Lets the code that is on the path go on from a broker in a file; prints the outcome, or why it refused."""

import sys
import zlib
from pathlib import Path

import msgspec
from golden import _logs
from world import MemoryOfThen, live, outcome, registry, wire

given = msgspec.msgpack.decode(zlib.decompress(Path(sys.argv[1]).read_bytes()))
memory = MemoryOfThen()
memory.round, memory.checkpoints, memory.logs = given["round"], given["checkpoints"], _logs(given["logs"])
try:
    told = outcome(live(memory, registry([tuple(each) for each in given["configuration"]])))
except wire.UnreadableCheckpoint as error:
    sys.exit(str(error))
Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode({"version": wire.VERSION, "outcome": told}))
