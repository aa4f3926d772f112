"""How soon detectors see a change, and how often they cry wolf: `make bench-detection`.

Read `__main__.py` first (what is measured and how), then `contestant.py` (what a detector must do to take
part), `streams.py` and `healthy.py` (what it is shown). `docs/explanation/detection.md` explains the figures.
"""
