"""Whether the hub answers is asked once and quickly; what its libraries do then."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
from huggingface_hub import constants

from engine.hub_reach import quick_where_unreachable
from tests.zoo_servers import HubServer


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    server = HubServer()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    with server.running():
        yield server


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def offline() -> tuple[bool, bool]:
    return constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE


def test_a_hub_that_answers_is_used(hub: HubServer) -> None:
    with quick_where_unreachable("squad") as answers:
        assert offline() == (False, False)
    assert answers
    assert len(hub.requests) == 1


def test_where_nobody_answers_only_the_caches_are_looked_into(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", closed_port())
    with quick_where_unreachable("squad") as answers:
        assert (answers, offline()) == (False, (True, True))
    assert offline() == (False, False)


def test_a_hub_that_is_switched_off_is_not_asked(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with quick_where_unreachable("squad"):
        assert constants.HF_HUB_OFFLINE
    assert not hub.requests


@pytest.mark.parametrize("names", [(), (None, ""), ("here",)])
def test_nobody_is_asked_for_what_is_local(hub: HubServer, tmp_path: Path, names: tuple[str | None, ...]) -> None:
    (tmp_path / "here").mkdir()
    with quick_where_unreachable(*(name and str(tmp_path / name) for name in names)) as answers:
        assert answers
    assert not hub.requests
