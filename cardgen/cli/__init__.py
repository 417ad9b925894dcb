"""The command line: one module per noun, thin over the functions of the library."""

from cardgen.cli.app import main

__all__ = ["main"]
