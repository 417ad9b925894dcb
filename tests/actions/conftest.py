"""A Hub with one publisher, and a client of it, for a module of tests; a module may have a Hub of its own instead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hub_server import Client, HubServer


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[HubServer]:
    with HubServer().running() as server:
        server.token("ada")
        server.hub.add("org/open", kind="dataset")
        yield server


@pytest.fixture(name="client", scope="module")
def _client(server: HubServer) -> Iterator[Client]:
    with Client(server.endpoint, hasty=True) as client:
        yield client
