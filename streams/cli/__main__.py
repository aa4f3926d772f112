"""Runs `watchkeeper` as `python -m watchkeeper.streams.cli`, also in a checkout that is not installed."""

from watchkeeper.streams.cli.app import main

if __name__ == "__main__":
    main()
