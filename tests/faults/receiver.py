"""On-call's end: a real Alertmanager, and a webhook that counts what it tells."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# (labels, when it began) -> how often each state was told.
Told = dict[tuple[str, str], Counter[str]]


class Webhook:
    """Counts, for each alert and episode, how often it was told to fire and to be resolved."""

    def __init__(self) -> None:
        self.told: Told = {}
        self._lock = threading.Lock()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.take(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True).start()

    def take(self, notification: dict[str, Any]) -> None:
        """Count one notification."""
        with self._lock:
            for alert in notification["alerts"]:
                key = json.dumps(alert["labels"], sort_keys=True), alert["startsAt"]
                self.told.setdefault(key, Counter())[alert["status"]] += 1

    def episodes(self) -> dict[str, list[Counter[str]]]:
        """Return by alert, a JSON of its labels, what was told of each of its episodes."""
        told: dict[str, list[Counter[str]]] = {}
        with self._lock:
            for (labels, _), counts in sorted(self.told.items()):
                told.setdefault(labels, []).append(Counter(counts))
        return told

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
