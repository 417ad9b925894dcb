"""The use cases, one file a verb; the only place where the other rooms are put together."""
