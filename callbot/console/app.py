"""The console as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from callbot.console import (
    access,
    board,
    figures,
    learning,
    messages,
    questions,
    review,
    review_desk,
    sampling,
)
from callbot.console.house import House, Pages, Pause
from callbot.console.live import Pulse
from callbot.console.oidc import oidc_of
from callbot.console.questions_desk import desk_of
from callbot.console.words import Words
from callbot.journal.accounts import Accounts
from callbot.journal.board import Board
from callbot.journal.database import Database, now
from callbot.journal.events import Events
from callbot.journal.figures import Figures
from callbot.quality.training import Classroom, Trainer
from callbot.settings import Settings
from callbot.text_channel.door import Limiter, Rates
from callbot.town.communes import Communes

MAX_BODY = 32_768
"""Bytes of one form: the longest note with every character escaped."""
RATES = Rates(address=30, total=60)
"""Most log-ins a minute."""
STATIC = Path(__file__).parent / "static"
REFUSALS = (400, 401, 403, 404, 409, 413, 422, 429, 503)
"""What every page may answer instead, each with a page that says why."""
RESPONSES: dict[int | str, dict[str, Any]] = {
    303: {"description": "Another page"},
    **{
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"text/html": {"schema": {"type": "string"}}},
        }
        for status in REFUSALS
    },
    413: {"description": "Content Too Large", "content": {"text/html": {}, "text/plain": {}}},
}


def build_app(
    settings: Settings,
    database: Database,
    communes: Communes,
    *,
    pause: Pause | None = None,
    clock: Callable[[], datetime] = now,
    accounts: Accounts | None = None,
    rates: Rates = RATES,
) -> FastAPI:
    """The pages of the people at the switchboard.

    Args:
        database: the journal's.
        communes: whose labels are shown.
        pause: has an operator's telephone paused; None without the manager interface.
        clock: the moment, UTC without zone.
        accounts: the journal's, when they are not the usual ones.
        rates: most log-ins a minute, by address and in all.

    Raises:
        SettingsError: the identity provider's library is not installed.
    """
    classroom = Classroom(settings, database)
    words = Words({key: communes[key] for key in communes}, classroom.learned.name)
    house = House(
        settings=settings,
        accounts=accounts or Accounts(database, settings.session_hours, clock),
        board=Board(database, clock),
        figures=Figures(database, clock=clock),
        words=words,
        pages=Pages(words),
        pulse=Pulse(Events(database)),
        limiter=Limiter(rates),
        pause=pause,
        clock=clock,
        oidc=oidc_of(settings),
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(house.pulse.run())
        training = asyncio.create_task(Trainer(settings, database, communes).run())
        yield
        looking.cancel()
        training.cancel()
        await asyncio.gather(training, return_exceptions=True)

    app = FastAPI(
        title="callbot, console",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        default_response_class=HTMLResponse,
        responses=RESPONSES,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.house = house
    app.state.review = review_desk.desk_of(settings, database, communes, words, clock)
    app.state.questions = desk_of(settings, database, communes, clock)
    app.state.classroom = classroom
    for part in (access, board, messages, figures, questions, learning, review, sampling):
        app.include_router(part.router, max_body_size=MAX_BODY)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    def problem(status: int) -> Response:
        """A page that says in French what is wrong."""
        known = status if status in REFUSALS else 500 if status >= 500 else 400
        return house.pages.page("error.html", status=status, code=status, problem=known)

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code in (HTTPStatus.SEE_OTHER, HTTPStatus.TEMPORARY_REDIRECT):
            return Response(status_code=error.status_code, headers=headers)
        answer = problem(error.status_code)
        answer.headers.update(headers)
        return answer

    @app.exception_handler(RequestValidationError)
    async def refuse_form(_: Request, __: RequestValidationError) -> Response:
        return problem(422)

    app.add_middleware(access.Guard, https=settings.console_https, broken=problem)
    return app
