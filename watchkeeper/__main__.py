"""`python -m watchkeeper` is the program `watchkeeper`."""

from watchkeeper.streams.cli import main

if __name__ == "__main__":
    main()
