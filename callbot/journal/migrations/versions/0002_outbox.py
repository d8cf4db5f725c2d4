"""Requests that are handed over and followed, messages, and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

UNNAMED = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
"""Names for the constraints that SQLite keeps without one."""


def upgrade() -> None:
    """A call may make two requests of a kind: the constraint against it goes."""
    (unique,) = sa.inspect(op.get_bind()).get_unique_constraints("requests")
    with op.batch_alter_table("requests", naming_convention=UNNAMED) as table:
        table.drop_constraint(unique["name"] or "uq_requests_call_id", type_="unique")
        table.add_column(sa.Column("town", sa.String(120), nullable=False, server_default=""))
        table.add_column(sa.Column("kind", sa.String(10), nullable=False, server_default="request"))
        table.add_column(sa.Column("service", sa.String(80), nullable=False, server_default=""))
        table.add_column(sa.Column("state", sa.String(12), nullable=False, server_default="received"))
        table.add_column(sa.Column("remote", sa.String(120), nullable=False, server_default=""))
        table.add_column(sa.Column("recording", sa.String(80), nullable=False, server_default=""))
        table.add_column(sa.Column("token", sa.String(32), nullable=False, server_default=""))
        table.create_index("ix_requests_call_id", ["call_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("town", sa.String(120), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("key", sa.String(80), nullable=False, unique=True),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("request_id", sa.Integer, sa.ForeignKey("requests.id", ondelete="CASCADE")),
        sa.Column("receiver", sa.String(64), nullable=False, index=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("next_at", sa.DateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("unsure", sa.Boolean, nullable=False),
        sa.Column("claim", sa.String(32), nullable=False, index=True),
        sa.Column("remote", sa.String(120), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Index("deliveries_due", "state", "next_at"),
    )
