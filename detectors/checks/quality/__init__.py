"""Faults of the data, each named for its cause. One cause a file: `check(case, feature)` finds it or not.

Every check wants both an effect that matters and a test that rules out chance.
"""
