"""Benchmarks of Watchkeeper beside its alternatives. `make bench` runs `benchmarks.throughput`.

Read `throughput.py` first: it explains what is compared and how. Then read a contestant.
"""
