"""The name of `watchkeeper_client` in version 0.1, for a checkout; the next version removes it."""

import sys
import warnings

import watchkeeper_client

warnings.warn(
    "`client` is now `watchkeeper_client`; the next version removes the old name",
    FutureWarning,
    stacklevel=2,
)
sys.modules.update(
    {
        __name__: watchkeeper_client,
        f"{__name__}.events": watchkeeper_client.events,
        f"{__name__}.publisher": watchkeeper_client.publisher,
    }
)
