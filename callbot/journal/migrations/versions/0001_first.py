"""Calls, turns and requests.

Journals written before there were migrations have these tables already, some without the newest columns.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = sa.MetaData()
sa.Table(
    "calls",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("linkedid", sa.String(150), nullable=False, index=True),
    sa.Column("started_at", sa.DateTime, nullable=False, index=True),
    sa.Column("ended_at", sa.DateTime),
    sa.Column("called", sa.String(80), nullable=False),
    sa.Column("town", sa.String(120), nullable=False),
    sa.Column("caller_hash", sa.String(64), nullable=False, index=True),
    sa.Column("caller_last2", sa.String(2), nullable=False),
    sa.Column("result", sa.String(10)),
    sa.Column("destination", sa.String(80), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
)
sa.Table(
    "turns",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("call_id", sa.Integer, sa.ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("heard", sa.String(10), nullable=False),
    sa.Column("utterance", sa.Text, nullable=False),
    sa.Column("nbest", sa.JSON, nullable=False),
    sa.Column("ranking", sa.JSON, nullable=False),
    sa.Column("intent", sa.String(80), nullable=False),
    sa.Column("confidence", sa.Float),
    sa.Column("move", sa.String(160), nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("barge_in", sa.Boolean, nullable=False),
    sa.Column("resumed", sa.Integer),
    sa.Column("decode_ms", sa.Float),
    sa.Column("nlu_ms", sa.Float),
    sa.Column("foreseen", sa.Boolean),
    sa.Column("think_ms", sa.Float),
    sa.UniqueConstraint("call_id", "number"),
    sa.Index("turns_intent", "intent"),
)
sa.Table(
    "requests",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("call_id", sa.Integer, sa.ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("intent", sa.String(80), nullable=False),
    sa.Column("slots", sa.JSON, nullable=False),
    sa.Column("phone", sa.String(40)),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.UniqueConstraint("call_id", "intent"),
)


def upgrade() -> None:
    """Make what is missing."""
    connection = op.get_bind()
    TABLES.create_all(connection)
    known = sa.inspect(connection)
    for table in TABLES.sorted_tables:
        there = {column["name"] for column in known.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                op.add_column(table.name, sa.Column(column.name, column.type))
