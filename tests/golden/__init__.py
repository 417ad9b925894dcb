"""Golden cards: what the library wrote in controlled runs, and the facts of those runs.

`VERSION/SCENARIO/README.md` is the card, `facts.json` beside it the facts. `python -m tests.golden DIR` tries any
folder of that form. `facts.py` turns facts into the record.
"""
