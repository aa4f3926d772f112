"""What a service imports to publish its predictions, labels and features to Watchkeeper.

`Publisher` never blocks and never breaks serving. The package needs `confluent-kafka` and `msgspec`, and no
other part of Watchkeeper.
"""

from watchkeeper_client.publisher import Counts, Publisher

__version__ = "0.1.0"
__all__ = ["Counts", "Publisher"]
