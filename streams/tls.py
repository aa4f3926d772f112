"""Creates the TLS context of a client."""

import ssl
from pathlib import Path

__all__ = ["client_context"]


def client_context(
    ca: Path | None, certificate: Path | None, key: Path | None, key_password: str | None
) -> ssl.SSLContext:
    """Create the TLS context of a client from PEM files. It never prompts for a password.

    Args:
        ca: The CA certificates that the client trusts; None: those that the machine trusts.
        certificate: The client certificate, or None.
        key: The private key of the certificate.
        key_password: The password of the key, or None if it has none.

    Raises:
        ValueError: A file can't be used. The message names the setting and the reason.

    >>> client_context(None, None, None, None).verify_mode.name
    'CERT_REQUIRED'
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(
            f"WATCHKEEPER_SSL_CA_FILE: {ca} can't be used ({_why(error)}); it should hold certificates in PEM"
        ) from None
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key, key_password or "")
        except OSError as error:
            raise ValueError(
                f"WATCHKEEPER_SSL_CERTIFICATE_FILE and WATCHKEEPER_SSL_KEY_FILE: {certificate} and {key} "
                f"can't be used ({_why(error)}); both should be PEM, the key that of the certificate, and "
                "WATCHKEEPER_SSL_KEY_PASSWORD or its file hold the key's password if it has one"
            ) from None
    return context


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return error.strerror or str(error)
