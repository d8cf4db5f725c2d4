"""Which needs a move is right for, and whether it commits the bot without having asked."""

from __future__ import annotations

from callbot.dialogue import moves, state
from callbot.dialogue.moves import (
    Answer,
    Ask,
    AskSlot,
    Choose,
    Confirm,
    ConfirmRequest,
    Emergency,
    Goodbye,
    Move,
    Register,
    Repeat,
    Transfer,
    Turn,
    Wait,
)
from callbot.types import OUT_OF_SCOPE

_ASKS: dict[str, frozenset[str]] = {
    "go_on": frozenset(
        {"conversation_oui", "conversation_autre_question", "conversation_saluer", state.CANCEL}
    ),
    "denied": frozenset({state.NO, OUT_OF_SCOPE}),
    "sorry": frozenset({"conversation_insatisfait", OUT_OF_SCOPE}),
    "insulted": frozenset({"conversation_insulte", OUT_OF_SCOPE}),
}
_REPEATS = {
    "": frozenset({"conversation_repeter"}),
    "slower": frozenset({"conversation_plus_lentement"}),
    "louder": frozenset({"conversation_parler_plus_fort"}),
}
_ENDS = frozenset({state.CANCEL, state.NO, *state.ENDS})
_TRANSFERS: dict[str, frozenset[str]] = {
    "asked": frozenset({state.HUMAN}),
    "dissatisfied": frozenset({"conversation_insatisfait", "conversation_insulte", state.HUMAN}),
    "language": frozenset({state.LANGUAGE}),
    "not_understood": frozenset({OUT_OF_SCOPE}),
}


def right_for(move: Move) -> frozenset[str]:
    """The intents whose caller is served by this move: answered, confirmed, or offered."""
    match move:
        case Answer(intent) | Confirm(intent) | AskSlot(intent) | ConfirmRequest(intent) | Register(intent):
            return frozenset({intent})
        case moves.TellStatus():
            return frozenset({state.FOLLOW_UP})
        case moves.SendText():
            return frozenset({state.YES})
        case Choose(first, second):
            return frozenset({first, second})
        case Transfer(reason="service", intent=intent):
            return frozenset({intent})
        case Transfer(reason=reason):
            return _TRANSFERS.get(reason, frozenset())
        case Repeat(manner):
            return _REPEATS[manner]
        case Goodbye(off_topic):
            return frozenset({OUT_OF_SCOPE}) if off_topic else _ENDS
        case Wait():
            return frozenset({"conversation_attendre"})
        case moves.StopRecording():
            return frozenset({state.MY_DATA})
        case moves.SpeakLanguage():
            return frozenset({state.LANGUAGE})
        case Emergency():
            return frozenset({state.EMERGENCY})
        case Ask(reason):
            return _ASKS.get(reason, frozenset({OUT_OF_SCOPE}))
        case moves.OfferCallBack(wanted):
            return right_for(wanted)
        case moves.OfferMessage(_, _, intent) if intent:
            return frozenset({intent})
        case moves.Greet() | moves.OfferMessage() | moves.TakeMessage() | moves.MessageTaken():
            return frozenset()


def commits(move: Move) -> bool:
    """Does it answer or act without having asked?"""
    match move:
        case (
            Confirm()
            | ConfirmRequest()
            | Choose()
            | Ask()
            | moves.Greet()
            | moves.OfferMessage()
            | moves.OfferCallBack()
        ):
            return False
        case Transfer(reason="not_understood" | "no_input" | "too_long"):
            return False
    return True


def serves(turn: Turn, intent: str) -> bool:
    """Is the need of this intent met?"""
    return any(intent in right_for(move) for move in turn)


def is_wrong(turn: Turn, intent: str) -> bool:
    """Would the bot, without asking, answer or act on another intent than this?"""
    return any(commits(move) and intent not in right_for(move) for move in turn)
