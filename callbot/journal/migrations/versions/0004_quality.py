"""Quality: raw words apart, reviews, proposals, trainings, deployments, open questions, purges, figures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """New tables, and columns that older rows leave empty."""
    op.add_column("calls", sa.Column("versions", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("calls", sa.Column("recording", sa.String(80), nullable=False, server_default=""))
    op.add_column("turns", sa.Column("model", sa.String(80), nullable=False, server_default=""))
    op.add_column("turns", sa.Column("begins_ms", sa.Integer))
    op.add_column("turns", sa.Column("ends_ms", sa.Integer))
    op.add_column("turns", sa.Column("endpoint_ms", sa.Float))
    op.add_column("turns", sa.Column("voice_ms", sa.Float))
    op.add_column("transfers", sa.Column("phone", sa.String(40)))
    op.add_column("calls", sa.Column("once", sa.String(32)))
    op.create_index("calls_once", "calls", ["once"], unique=True)
    op.create_table(
        "raw_turns",
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("utterance", sa.Text, nullable=False),
        sa.Column("nbest", sa.JSON, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
    )
    op.create_table(
        "samples",
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("kind", sa.String(10), nullable=False),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("intent", sa.String(80), nullable=False, index=True),
        sa.Column("was", sa.String(80), nullable=False),
        sa.UniqueConstraint("turn_id", "account"),
    )
    op.create_table(
        "trainings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("model", sa.String(80), nullable=False),
        sa.Column("data", sa.String(80), nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("ended_at", sa.DateTime),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("intent", sa.String(80), nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="SET NULL")),
        sa.Column("state", sa.String(12), nullable=False, index=True),
        sa.Column("training_id", sa.Integer, sa.ForeignKey("trainings.id", ondelete="SET NULL")),
        sa.UniqueConstraint("text", "intent"),
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("account", sa.String(80), nullable=False),
        sa.Column("model", sa.String(80), nullable=False),
        sa.Column("previous", sa.String(80), nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_table(
        "questions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="SET NULL")),
        sa.Column("service", sa.String(80), nullable=False),
        sa.Column("due_at", sa.DateTime),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("answered_by", sa.String(80), nullable=False),
        sa.Column("answered_at", sa.DateTime),
        sa.Column("intent", sa.String(80), nullable=False),
        sa.Column("published_at", sa.DateTime),
    )
    op.create_table(
        "unanswered",
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("question_id", sa.Integer, sa.ForeignKey("questions.id", ondelete="SET NULL"), index=True),
        sa.Column("told_at", sa.DateTime),
    )
    op.create_table(
        "purges",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False, index=True),
        sa.Column("deleted", sa.JSON, nullable=False),
    )
    op.create_table(
        "figures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("town", sa.String(120), nullable=False),
        sa.Column("starts_at", sa.DateTime, nullable=False, index=True),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.UniqueConstraint("town", "starts_at"),
    )
