"""Callers' words quoted beside their turns: questions' names, mails about them, reports of trainings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from callbot.journal.models import DeliveryRow, Question, Training, Turn, Unanswered
from callbot.journal.proposals import ProposalError, learnable

ERASED = "[effacé]"
LONG = 4
"""Words from which a sentence is recognised inside a text; a « oui » is nobody's."""
_CHANGES = ("regressions", "improvements")


def said(turns: Iterable[Turn]) -> set[str]:
    """The sentences of these turns, in every reading."""
    texts = {text for turn in turns for text in (turn.utterance, *(str(one[0]) for one in turn.nbest))}
    return {text for text in texts if len(text.split()) >= LONG}


def taught(session: Session, turns: Collection[Turn]) -> set[str]:
    """These turns' sentences as they are learnt, those that other callers said too left out."""
    texts = said(turns)
    ids = [turn.id for turn in turns]
    others = select(Turn.utterance).where(Turn.utterance.in_(texts), Turn.id.not_in(ids))
    found = set(_learnable(texts - set(session.scalars(others))))
    return {text for text in found if len(text.split()) >= LONG}


def erase(session: Session, turns: Collection[int], texts: Collection[str]) -> None:
    """Take these sentences out of whatever quotes them.

    Args:
        turns: in which they were said.
    """
    asked = select(Unanswered.question_id).where(Unanswered.turn_id.in_(turns))
    for question in session.scalars(
        select(Question).where(or_(Question.id.in_(asked), Question.label.in_(texts)))
    ):
        if question.label in texts:
            question.label = ERASED
    for delivery in session.scalars(select(DeliveryRow).where(DeliveryRow.request_id.is_(None))):
        content = _without(delivery.content, texts)
        if content != delivery.content:
            delivery.content = content
    _out_of_reports(session, texts)


def forget_gone(session: Session) -> None:
    """Take out of the trainings' reports what callers said in calls whose words are gone by now."""
    quoted = {
        change["text"]
        for training in session.scalars(select(Training))
        for change in _changes(training.report or {})
        if change.get("set") == "reviewed"
    } - {ERASED}
    if quoted:
        kept = select(Turn.utterance).where(Turn.utterance != "").distinct()
        _out_of_reports(session, quoted - {" ".join(text.split()) for text in session.scalars(kept)})


def _out_of_reports(session: Session, texts: Collection[str]) -> None:
    for training in session.scalars(select(Training)) if texts else ():
        report = _without(training.report, texts)
        if report != training.report:
            training.report = report


def _changes(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _CHANGES:
        yield from report.get(name, ())


def _learnable(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        try:
            yield learnable(text)
        except ProposalError:
            continue


def _without(value: Any, texts: Collection[str]) -> Any:
    match value:
        case str():
            for text in sorted(texts, key=len, reverse=True):
                value = value.replace(text, ERASED)
            return value
        case dict():
            return {_without(name, texts): _without(item, texts) for name, item in value.items()}
        case list():
            return [_without(item, texts) for item in value]
    return value
