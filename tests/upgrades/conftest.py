"""Scripts that run with the code of another commit are no tests."""

collect_ignore = ["make.py", "go_on.py"]
