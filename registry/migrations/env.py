"""Alembic's entry: it works on the connection, and in the transaction, that `cardgen.registry.schema` hands over."""

from __future__ import annotations

from alembic import context

from cardgen.registry.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("registries are upgraded by cardgen: open one for writing, or use `cardgen registry upgrade`")

context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
