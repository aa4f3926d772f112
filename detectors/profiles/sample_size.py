"""The fewest rows that a statement about a window may rest on."""

SHARE_ROWS_MIN = 30
"""Rows below which shares and distributions are noise: fewer are neither compared nor remembered.

Chosen by hand: a larger number leaves more small windows and segments unjudged.
"""
