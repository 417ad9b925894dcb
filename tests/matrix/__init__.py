"""The tests that touch sentence-transformers, with several versions of it, each in an environment of its own."""
