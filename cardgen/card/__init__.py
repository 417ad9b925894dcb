"""From the record of a run to the text of its card.

`layout.render` is a pure function of (run, log, layout, templates): no clock, network, randomness or model.
`eras` says what differs between library versions, `view` works out every value that the templates place.
"""
