"""Watchkeeper side by side with what a user would pick instead: `make bench` runs `benchmarks.throughput`.

Read `throughput.py` first (what is compared and how), then a contestant.
"""
