"""What a service imports to publish its predictions, labels and features.

One call that never blocks and never breaks serving. Needs `confluent-kafka` and `msgspec` and nothing of
Watchkeeper's own, so that it can be vendored into a service as it is.
"""

from watchkeeper_client.publisher import Counts, Publisher

__all__ = ["Counts", "Publisher"]
