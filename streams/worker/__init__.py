"""One worker process: start, connection to Faust, health and shutdown."""
