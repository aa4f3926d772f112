"""The TLS context that a client's files make."""

import ssl
from pathlib import Path

__all__ = ["client_context"]


def client_context(
    ca: Path | None, certificate: Path | None, key: Path | None, key_password: str | None
) -> ssl.SSLContext:
    """Trust what `ca` holds, or what the machine does; show a certificate where there is one.

    ValueError says which of the settings' files can't be used, and why. Nobody is ever asked for a password.

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
