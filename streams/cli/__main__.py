"""`python -m streams.cli` is `watchkeeper`, also where it is not installed."""

from streams.cli.app import main

if __name__ == "__main__":
    main()
