"""The journal's PostgreSQL is stopped in the middle of a call: neither caller nor journal misses anything."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from callbot.dialogue.moves import Answer
from tests.journal.conftest import Postgres

from ..patience import PATIENCE_S
from .bot import Bot
from .lab import Lab, await_hang_up, hear, say
from .second import own_bot
from .test_drain import GOODBYE, INTENT, QUESTION

WRITTEN = """
    SELECT number, intent, endpoint_ms > 0 AND voice_ms >= 0, result, versions::jsonb ?& '{speech,town}'
    FROM turns JOIN calls ON calls.id = call_id WHERE linkedid = %s ORDER BY number
"""


def test_a_call_goes_on_without_its_database(lab: Lab, bot: Bot) -> None:
    steps = [hear(), say(QUESTION), hear(), say(GOODBYE), await_hang_up()]
    with tempfile.TemporaryDirectory(prefix="cb-pg-", dir="/tmp") as folder:
        postgres = Postgres(Path(folder))
        url = postgres.database()
        try:
            with own_bot(lab, bot, CALLBOT_JOURNAL_URL=url) as second, ThreadPoolExecutor(1) as pool:
                call = pool.submit(lab.place_call, steps)
                deadline = time.monotonic() + PATIENCE_S
                while not second.calls_in_progress() and time.monotonic() < deadline:
                    time.sleep(0.1)
                postgres.stop()
                record = call.result()
                assert record.ending == "hung_up_by_other_side", record.events
                assert "result=DONE" in lab.outcome(record.number)
                answer = record.hears(second.wavs(Answer(INTENT))[0])
                assert answer is not None and answer.share > 0.5
                postgres.start()
                rows: list[tuple[object, ...]] = []
                deadline = time.monotonic() + PATIENCE_S
                with psycopg.connect(url) as connection:
                    while not (rows and rows[0][3]) and time.monotonic() < deadline:
                        time.sleep(0.3)
                        rows = connection.execute(WRITTEN.encode(), [lab.linkedid(record.number)]).fetchall()
                        connection.rollback()
        finally:
            postgres.stop()
    assert [row[0] for row in rows] == [0, 1, 2]
    assert rows[1][1:] == (INTENT, True, "DONE", True)
