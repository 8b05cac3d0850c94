"""What the ports of every process are told of limits."""

import pytest

from config.settings import Settings
from core.limits.offenders import Offenders
from core.platform.observability.metrics import Metrics
from realtime.app import door_config


def test_pages_of_the_public_url_may_connect_and_others_are_named_in_the_log_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = door_config(Settings(public_url="https://app.example"), Offenders(Metrics()))
    assert "https://app.example" in config.origins
    for _ in range(5):
        config.refused_origin("https://foe.example", "app.example")
    assert len(caplog.messages) == 1
    assert "https://foe.example" in caplog.messages[0]


def test_the_addresses_of_one_network_share_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    config = door_config(Settings(), Offenders(Metrics()))
    for host in range(5):
        config.limited("traffic", f"2001:db8::{host}")
    assert len(caplog.messages) == 1
