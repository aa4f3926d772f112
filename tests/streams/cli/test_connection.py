"""Causes of a failed connection are distinguished: the login, TLS, or no broker."""

import pytest

from tests.integration.test_login import login  # noqa: F401 - a fixture
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.settings import Settings, read_settings


def changed(settings: Settings, **other: object) -> Settings:
    return read_settings(**settings.model_dump() | other)


def test_with_the_right_login_it_is_reached(login: Settings) -> None:  # noqa: F811
    assert len(reach(login).brokers) == 1


def test_a_wrong_password_names_the_variables_of_the_login(login: Settings) -> None:  # noqa: F811
    with pytest.raises(UserError, match=r": the login failed \(.*WATCHKEEPER_SASL_PASSWORD$"):
        reach(changed(login, sasl_password="wrong"))  # noqa: S106


def test_a_certificate_that_nobody_trusts_names_the_variables_of_tls(login: Settings) -> None:  # noqa: F811
    with pytest.raises(UserError, match=r": TLS failed \(.*certificate.*WATCHKEEPER_SSL_CA_FILE$"):
        reach(changed(login, ssl_ca_file=None))


def test_a_plaintext_client_is_pointed_to_tls(login: Settings) -> None:  # noqa: F811
    plain = Settings(broker=login.broker)
    with pytest.raises(
        UserError,
        match=r"answers over PLAINTEXT .*WATCHKEEPER_SECURITY_PROTOCOL$",
    ):
        reach(plain, timeout_seconds=5)
