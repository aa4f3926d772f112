"""The metrics of a worker, and the maximum number of their series."""
