"""Voices of other languages that speak French: twenty more speakers, half of them women, with an accent.

The French MBROLA databases have one woman besides the test callers. Here each French phone is spoken as the
nearest phone of a foreign database, its time and melody kept, and its label stays the French one. A phone
the database has no decent match for is left out, a pause in its place: a wrong sound under a label would
teach errors. The matches follow the databases' own phone tables and what an earlier network of ours heard in
them. Left out because it heard too much else: Portuguese, Swedish; because of their r or few fricatives:
English, Spanish, Greek, Asian languages.
"""

from __future__ import annotations

import random
import struct
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from phones import PhoSegment

DATABASES = Path("/usr/share/mbrola")
PAUSES_PER_PHONE = 1 / 6
"""A sentence with more pauses put into it than this is left to another voice."""
PAUSE_COST, ALIAS_COST, RANK_COST, WHIM = 5.0, 0.6, 0.35, 0.5
"""What each step off the best match costs; WHIM is how much the utterance's own taste may outweigh."""
NASAL_SHARE = 0.7
"""How much of a nasal vowel said as vowel and nasal consonant is the vowel, as in the south of France."""


class ForeignVoice(NamedTuple):
    """A database and how it says French."""

    female: bool
    weight: float
    """How often it is drawn; full French inventories more often."""
    phones: str
    """`French=match,match ...`, best first, a phone's last entry counting; a match may be a sequence a+b.

    Phones of SAME need no entry; no match: the voice can't say it.
    """
    efforts: tuple[str, ...] = ("",)
    """Endings of its phone names, a database each (soft, loud); one is drawn for an utterance."""


SAME = "p t k b d g f v s z S Z m n l j".split()  # noqa: SIM905
EFFORTS = ("", "_soft", "_loud")
_GERMAN = "a=a:,a e=e: E=E:,E i=i: o=o: O=O u=u: y=y: 2=2: 9=9 @=9,2:,@ R=R J=n+j N=N w=u: H=y: "
_GERMAN_EFFORTS = _GERMAN + "w=w,u: a~=a~ 9~=9~,9+N "
_DUTCH = "a=a,A e=e E=E i=i u=u y=y v=w z= w=u H=y N=N l=l,L "
_TURKISH = "a=a e=e E=e i=I o=o O=o u=u y=y 2=@' 9=@' @=@' R=r J=n+j N=n w=u H=y a~=a+n e~=e+n o~=o+n 9~=@'+n"
_ITALIAN = (
    "a=a1,a e=e1,e E=E1,E i=i1,i o=o1,o O=o,o1 u=u,u1 R=r J=J N=ng w=w a~=a1+ng,a+n e~=E1+ng,E+n o~=o1+ng,o+n"
)
_CZECH = "a=a,a: e=e,e: E=e,e: i=i:,i o=o,o: O=o u=u,u: w=u R=r N=n a~=a:+n,a+n e~=e+n,e:+n o~=o+n,o:+n "

FOREIGN_VOICES: dict[str, ForeignVoice] = {
    # the whole of French, or nearly
    "bz1": ForeignVoice(
        True, 3,
        "a=A,A: e=e:,e E=E,E: i=i,i: o=o,o: O=O,O: u=u,u: y=y,y: 2=2,2: 9=9 @=9,2 R=r J=J N=n w=w H=H,y "
        "a~=A~,A~: e~=E~,E~: o~=o~,o~: 9~=9~,9~:",
    ),
    "de1": ForeignVoice(True, 2, _GERMAN + "a~=a~,a^,a:+N e~=E+N,E:+N,E+n o~=o^,o:+N,O+n 9~=9+N,9+n"),
    "de2": ForeignVoice(False, 1.5, _GERMAN + "a~=a^,a~,a:+N e~=E^,E~,E+N o~=o^,o:+N,O+n 9~=E^,9+N"),
    "de3": ForeignVoice(True, 2.5, _GERMAN + "a~=a~,a^,a:+N e~=E^,E~,E+N o~=o^,o:+N,O+n 9~=E^,9+N"),
    "de4": ForeignVoice(False, 2, _GERMAN + "w=w,u: a~=a~:,a~ e~=E~: o~=o~:,o~ 9~=E~:"),
    "de5": ForeignVoice(True, 2.5, _GERMAN + "w=w,u: a~=a~,a^ e~=E~,E^ o~=o~,o^ 9~=9^"),
    "de6": ForeignVoice(False, 2, _GERMAN_EFFORTS + "e~=e~ o~=o~", EFFORTS),
    "de7": ForeignVoice(True, 4, _GERMAN_EFFORTS + "e~=E:+N,E+N,e~ o~=o:+N,O+N", EFFORTS),
    "nl2": ForeignVoice(False, 2, _DUTCH + "o=o O=O 2=2 9=Y,2 @=Y,@ R=r,R J=nj a~=A~ e~=E~ o~=O~ 9~=Y~"),
    "nl3": ForeignVoice(
        True, 1.5,
        _DUTCH + "o=O,o O=O 2=Y,9: 9=9:,Y @=Y,@ R=G,R J=n+j a~=A+N,A+n e~=E+N,E+n o~=o+N,o+n 9~=Y+N,Y+n",
    ),
    "af1": ForeignVoice(
        False, 1,
        "a=a,A e=e E={,E i=i o=O O=O u=u y=y 2=9 9=9 @=@,9 R=r J=n+j N=N w=u H=y "
        "a~=A+N e~={+N,E+N o~=O+N 9~=9+N",
    ),
    "hu1": ForeignVoice(
        False, 2,
        "a=a: e=e: E=E i=i:,i o=o:,o O=O,o u=u:,u y=y:,y 2=2:,2 9=2,2: @=2 R=r J=J N=n w=u H=y "
        "a~=O+n,a:+n e~=E+n o~=o:+n,o+n 9~=2+n",
    ),
    "tr1": ForeignVoice(False, 0.7, _TURKISH),
    "tr2": ForeignVoice(True, 1.4, _TURKISH),
    # no front rounded vowels, no nasal ones: short stretches of speech between pauses
    "cz1": ForeignVoice(True, 0.5, _CZECH + "J=N"),
    "cz2": ForeignVoice(False, 0.4, _CZECH + "J=n'"),
    "hb2": ForeignVoice(True, 0.8, "a=a e=e E=e i=i o=o O=o u=u w=u R=R J=n+j N=N a~=a+N e~=e+N o~=o+N"),
    "it3": ForeignVoice(False, 0.4, _ITALIAN),
    "it4": ForeignVoice(True, 0.8, _ITALIAN),
    "pl1": ForeignVoice(True, 0.8, "a=a e=e E=e i=i o=o O=o u=u w=w,u R=r J=n' N=N a~=a+N e~=e+N o~=o+N"),
}  # fmt: skip
FOREIGN_WOMEN = {name for name, voice in FOREIGN_VOICES.items() if voice.female}

_VOWELS = set("a e E i o O u y 2 9 @ a~ e~ o~ 9~ j w H".split())  # noqa: SIM905


class Said(NamedTuple):
    """One French segment as the foreign voice says it."""

    french: str
    """``_`` for a pause, those put in as well."""
    segments: list[PhoSegment]


@lru_cache(maxsize=64)
def diphones(voice: str) -> dict[tuple[str, str], bool]:
    """The pairs of phones a database has, out of its index; the value tells whether one is borrowed.

    The recorded diphones stand first, until their frames fill the pitch-mark table; then pairs, each with the
    pair that borrows it (Database/database.c of github.com/numediart/MBROLA).
    """
    data = (DATABASES / voice / voice).read_bytes()
    at = 11  # "MBROLA" and the version

    def take(form: str) -> tuple[int, ...]:
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    def name() -> str:
        nonlocal at
        end = data.index(b"\0", at)
        text, at = data[at:end].decode("latin1"), end + 1
        return text

    count, marks = take("HH")
    if marks == 0:
        (marks,) = take("i")
    take("ihBB")
    pairs: dict[tuple[str, str], bool] = {}
    frames = 0
    for _ in range(count):
        pair = name(), name()
        if frames < marks:
            frames += take("hBB")[1]
            pairs[pair] = False
        else:
            pairs.setdefault((name(), name()), True)
    return pairs


@lru_cache(maxsize=64)
def matches(voice: str) -> dict[str, list[list[str]]]:
    """French phone to its matches in a database, each a sequence of phones."""
    table = {phone: [[phone]] for phone in SAME}
    for entry in FOREIGN_VOICES[voice].phones.split():
        french, _, names = entry.partition("=")
        table[french] = [match.split("+") for match in names.split(",") if match]
    return table


def draw_voice(rng: random.Random) -> str:
    """A foreign voice, by weight."""
    return rng.choices(list(FOREIGN_VOICES), [v.weight for v in FOREIGN_VOICES.values()])[0]


class _Path(NamedTuple):
    """The best way to have said everything so far."""

    cost: float
    last: str
    """The foreign phone at its end."""
    before: _Path | None
    said: list[str]
    """Foreign phones of the latest French one: empty when it was left out, ``["_"]`` for a pause put in."""
    french: int
    """Index of that French segment; -1 for a pause put in."""


def _choose(names: list[str], voice: str, effort: str, rng: random.Random) -> list[_Path] | None:
    """The cheapest matches whose diphones exist, pauses put in where none do; None without a way."""
    pairs, table = diphones(voice), matches(voice)
    taste = {
        (f, i): RANK_COST * i + WHIM * rng.random() for f, found in table.items() for i in range(len(found))
    }

    def joint(left: str, right: str) -> float | None:
        borrowed = pairs.get((left, right))
        return None if borrowed is None else ALIAS_COST * borrowed

    def extended(path: _Path, sequence: list[str], cost: float, index: int) -> _Path | None:
        total, last = path.cost + cost, path.last
        for phone in sequence:
            price = joint(last, phone)
            if price is None:
                return None
            total, last = total + price, phone
        return _Path(total, last, path, sequence, index)

    paths = [_Path(0.0, "_", None, [], -1)]
    for index, name in enumerate(names):
        following = names[index + 1] if index + 1 < len(names) else "_"
        best: dict[str, _Path] = {}

        def keep(path: _Path | None, best: dict[str, _Path] = best) -> None:
            if path and (path.last not in best or path.cost < best[path.last].cost):
                best[path.last] = path

        for path in paths:
            paused = extended(path, ["_"], PAUSE_COST, -1) if path.last != "_" else None
            for start in filter(None, (path, paused)):
                if name == "_":
                    keep(
                        _Path(start.cost, "_", start, ["_"], index)
                        if start.last == "_"
                        else extended(start, ["_"], 0, index)
                    )
                    continue
                for rank, match in enumerate(table.get(name, [])):
                    spoken = [phone + effort for phone in match]
                    if name.endswith("~") and len(match) > 1 and following in _VOWELS:
                        continue  # it would be heard as a consonant of its own
                    keep(extended(start, spoken, taste[name, rank], index))
                if start.last == "_":
                    keep(_Path(start.cost + PAUSE_COST, "_", start, [], index))
        paths = list(best.values())
    finished = [p for p in paths if p.last == "_"]
    if not finished:
        return None
    chain: list[_Path] = []
    path: _Path | None = min(finished, key=lambda p: p.cost)
    while path and path.before:
        chain.append(path)
        path = path.before
    return chain[::-1]


def say_in(voice: str, french: list[PhoSegment], rng: random.Random) -> list[Said] | None:
    """A French .pho by a foreign voice; None when it would have to leave too much out.

    The first and the last segment must be pauses.
    """
    effort = rng.choice(FOREIGN_VOICES[voice].efforts)
    chain = _choose([s.name for s in french], voice, effort, rng)
    if chain is None:
        return None
    pauses = sum(p.french < 0 or not p.said for p in chain)
    if pauses > len(french) * PAUSES_PER_PHONE:
        return None
    result: list[Said] = []
    for path in chain:
        if not path.said:
            continue
        if path.french < 0:
            result.append(Said("_", [PhoSegment("_", rng.randint(40, 220), [])]))
            continue
        source = french[path.french]
        if len(path.said) == 1:
            pieces = [source._replace(name=path.said[0])]
        else:
            first = source.duration * (NASAL_SHARE if source.name.endswith("~") else 0.5)
            pieces = [
                PhoSegment(path.said[0], max(1, round(first)), source.pitch),
                PhoSegment(path.said[1], max(1, round(source.duration - first)), []),
            ]
        result.append(Said(source.name, pieces))
    return result
