"""One worker process: its start, its connection to Faust, its health and its end."""
