"""The smallest sample that is judged."""

SHARE_ROWS_MIN = 30
"""Rows below which shares and distributions are noise: fewer are neither compared nor remembered.

Chosen by hand: a larger number leaves more small windows and segments unjudged.
"""
