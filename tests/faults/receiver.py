"""A real Alertmanager, and a webhook that counts its notifications."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# (labels, start) -> number of notifications of each state.
Notifications = dict[tuple[str, str], Counter[str]]


class Webhook:
    """Counts the firing and resolved notifications of each alert and episode."""

    def __init__(self) -> None:
        self._counts: Notifications = {}
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
                self._counts.setdefault(key, Counter())[alert["status"]] += 1

    def episodes(self) -> dict[str, list[Counter[str]]]:
        """Return the notifications of each episode, by alert (a JSON of its labels)."""
        found: dict[str, list[Counter[str]]] = {}
        with self._lock:
            for (labels, _), counts in sorted(self._counts.items()):
                found.setdefault(labels, []).append(Counter(counts))
        return found

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
