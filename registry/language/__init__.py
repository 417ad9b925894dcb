"""The query language: text to a syntax tree (`grammar`), meaning (`binding`, `evaluate`), and SQL (`compile`).

`evaluate` is the definition: a few lines of Python over one run. `compile` says the same in SQL, for whole registries;
a test compares the two on both engines. docs/queries.md tells people.
"""

from __future__ import annotations

from cardgen.registry.language.grammar import quote, written_key

__all__ = ["quote", "written_key"]
