"""`python -m watchkeeper.streams.cli` is `watchkeeper`, also where it is not installed."""

from watchkeeper.streams.cli.app import main

if __name__ == "__main__":
    main()
