"""A Hub on the loopback interface that the unmodified client talks to.

    messages.py  requests, answers, faults
    http.py      the server: routes, log of requests, what goes wrong
    handler.py   its connections
    state.py     what the Hub has: repositories, commits, discussions, tokens, renames
    content.py   files: regular ones, large ones and where they are stored, what is ignored
    access.py    who may do what
    rules.py     what the Hub says about contents: metadata of cards, secrets
    manners.py   other ways to answer that the protocol allows
    client.py    processes whose huggingface_hub was imported with such a Hub as its endpoint

and the routes: account.py, read.py, download.py, commits.py, refs.py, lfs.py, xet.py, pulls.py.

It is as strict as the real Hub is known to be. Where that is not known for sure a comment says "guess: …", and the
guess is the stricter one.
"""

from tests.hub_server import account, commits, download, lfs, pulls, read, refs, xet  # their routes
from tests.hub_server.client import Client
from tests.hub_server.http import HubServer

__all__ = ["Client", "HubServer", "account", "commits", "download", "lfs", "pulls", "read", "refs", "xet"]
