"""The command line: a file for each command, `options` for what they share, `output` for what they print."""

from watchkeeper.streams.cli.app import app, main

__all__ = ["app", "main"]
