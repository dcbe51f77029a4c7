"""Alembic's way in: runs the migrations on the connection that the store hands over."""

from alembic import context

from hashmatch.store.schema.base import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True
)
context.run_migrations()
