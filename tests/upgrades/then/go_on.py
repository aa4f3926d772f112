"""Lets the code that is on the path go on from a broker in a file; writes the outcome, or says why not."""

import sys
import zlib
from pathlib import Path

import msgspec
from world import MemoryOfThen, live, outcome, records, registry, wire

given = msgspec.msgpack.decode(zlib.decompress(Path(sys.argv[1]).read_bytes()))
memory = MemoryOfThen()
memory.round, memory.checkpoints, memory.logs = given["round"], given["checkpoints"], records(given["logs"])
try:
    told = outcome(live(memory, registry([tuple(each) for each in given["configuration"]])))
except wire.UnreadableCheckpoint as error:
    sys.exit(str(error))
statistics = {
    name: [record.value for record in log]
    for name, log in memory.logs.items()
    if name.startswith("statistics/")
}
found = {"version": wire.VERSION, "outcome": told, "statistics": statistics}
Path(sys.argv[2]).write_bytes(msgspec.msgpack.encode(found))
