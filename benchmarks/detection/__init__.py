"""Detection delay and false alarm rate of detectors: `make bench-detection`.

Read `__main__.py` first: what is measured, and how. Then read `contestant.py`, the interface of a contestant,
and its input in `streams.py` and `healthy.py`. `docs/explanation/detection.md` explains the figures.
"""
