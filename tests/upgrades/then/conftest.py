"""Scripts that run with the code of another commit are not tests."""

collect_ignore_glob = ["*.py"]
