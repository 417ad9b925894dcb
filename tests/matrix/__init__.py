"""The tests that touch sentence-transformers or the Hub's client, with several versions of them, each in an
environment of its own."""
