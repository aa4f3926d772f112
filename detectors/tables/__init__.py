"""Rows of tables from pandas, polars, Arrow, numpy and dicts."""
