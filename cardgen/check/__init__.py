"""Rules that a card is checked against, by kind: valid, complete, true, private.

A rule is one small function of a `Subject`, the card with what is known about it, and yields its hits. Nothing here
reads a file, opens a registry, fetches or runs anything.
"""
