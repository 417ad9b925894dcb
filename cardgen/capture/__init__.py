"""Look-ups: what trainer, model and library know, as dataclasses of `cardgen.record`.

Nothing in here changes what it looks at, computes with the model, or asks the network. A look-up that fails costs
its one fact and leaves a sentence in `Problems`.
"""
