"""AGI lines: what Asterisk may say, and what we may say to it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbot.agi import protocol
from callbot.agi.protocol import Reply
from callbot.errors import ProtocolError


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=0", Reply(200, "0")),
        ("200 result=1 (timeout)", Reply(200, "1", text="(timeout)")),
        ("200 result=0 endpos=16000", Reply(200, "0", 16000, "endpos=16000")),
        ("200 result=48 endpos=1600", Reply(200, "48", 1600, "endpos=1600")),
        ("200 result=-1 endpos=0", Reply(200, "-1", 0, "endpos=0")),
        ("510 Invalid or unknown command", Reply(510, text="Invalid or unknown command")),
        (
            "511 result=-1 Command Not Permitted on a dead channel or intercept routine",
            Reply(511, "-1", text="Command Not Permitted on a dead channel or intercept routine"),
        ),
        ("520 End of proper usage.", Reply(520, text="End of proper usage.")),
    ],
)
def test_replies_are_parsed(line: str, reply: Reply) -> None:
    assert protocol.parse_reply(line) == reply


def test_the_middle_of_a_usage_message_is_no_reply() -> None:
    assert protocol.parse_reply("520-Invalid command syntax.  Proper usage follows:") is None


@pytest.mark.parametrize("line", ["", "hello", "HANGUP", "20 result=0", "Usage: STREAM FILE", "\x00\xff"])
def test_garbage_is_an_error(line: str) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse_reply(line)


@pytest.mark.parametrize(
    ("result", "digit"),
    [("48", "0"), ("42", "*"), ("35", "#"), ("0", ""), ("-1", ""), ("1", ""), ("999", ""), ("", "")],
)
def test_the_digit_is_the_ascii_code(result: str, digit: str) -> None:
    assert Reply(200, result).digit == digit


def test_arguments_are_quoted() -> None:
    line = protocol.command("SET VARIABLE", "NAME", 'say "hi" \\ there')
    assert line == b'SET VARIABLE "NAME" "say \\"hi\\" \\\\ there"\n'


@pytest.mark.parametrize("value", ["a\nEXEC System rm", "a\r", "a\x00", "\x7f"])
def test_a_control_character_never_reaches_asterisk(value: str) -> None:
    with pytest.raises(ProtocolError):
        protocol.command("SET VARIABLE", "NAME", value)


def test_a_command_longer_than_asterisks_buffer_is_refused() -> None:
    with pytest.raises(ProtocolError, match="at most"):
        protocol.command("SET VARIABLE", "NAME", "é" * 1500)


@given(st.lists(st.text(max_size=200), max_size=4))
def test_a_command_is_always_one_line(arguments: list[str]) -> None:
    try:
        line = protocol.command("VERBOSE", *arguments)
    except (ProtocolError, UnicodeEncodeError):
        return
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and b"\r" not in line


@given(st.text(max_size=300))
def test_any_line_is_parsed_or_refused(line: str) -> None:
    with contextlib.suppress(ProtocolError):
        protocol.parse_reply(line)


def test_the_header_becomes_a_dictionary_and_the_first_value_wins() -> None:
    header = protocol.parse_environment(
        [
            "agi_channel: PJSIP/loop-1",
            "agi_callerid: 0612345678",
            "nonsense",
            "agi_dnid:",
            "agi_channel: forged",
        ]
    )
    assert header == {"channel": "PJSIP/loop-1", "callerid": "0612345678", "dnid": ""}
