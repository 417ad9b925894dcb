"""A Hub on the loopback interface that the unmodified client talks to.

    state.py    what the Hub has: repositories, commits, tokens, renames
    http.py     the server: routes, request log, faults
    read.py     the routes that read: model info, files
    client.py   processes whose huggingface_hub was imported with such a Hub as its endpoint

Routes that write are one more module of routes on the same state.
"""

from tests.hub_server import read  # its routes
from tests.hub_server.client import Client
from tests.hub_server.http import HubServer

__all__ = ["Client", "HubServer", "read"]
