"""The command line: one file for each command, `options` for shared options, `output` for printing."""

from watchkeeper.streams.cli.app import app, main

__all__ = ["app", "main"]
