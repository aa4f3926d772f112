"""The client with which a service publishes its predictions, labels and features.

Its calls never block and never break serving. It needs only `confluent-kafka` and `msgspec`.
"""

from watchkeeper_client.counts import PublisherCounts
from watchkeeper_client.publisher import Publisher

__version__ = "0.2.0.dev0"
__all__ = ["Publisher", "PublisherCounts"]
