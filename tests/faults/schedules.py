"""Random schedules of acts and faults: what may happen to the outbox, in any order."""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.faults.mortal import LIVES, Fate

MODES = ("accept", "busy", "close", "hang")
AT_DATA = ("250 Taken", "451 Not now", "554 Spam", "drop", "stall")
ANSWERS = {
    "gone@example.test": ["550 No such user"],
    "full@example.test": ["452 Mailbox full"],
    "gray@example.test": ["450 Greylisted", "451 Greylisted", "250 OK"],
    "worse@example.test": ["450 Greylisted", "550 No such user"],
    "nowhere": ["250 OK"],
}
"""Recipients whose server does not just take what comes."""


@dataclass(frozen=True)
class Write:
    """An act that writes messages, and is committed or rolled back."""

    to: tuple[str, ...]
    commits: bool


@dataclass(frozen=True)
class Recall:
    which: int


@dataclass(frozen=True)
class Retry:
    which: int


@dataclass(frozen=True)
class Relay:
    """Relays that run at once, and what people do in the same moment."""

    fates: tuple[Fate, ...]
    meanwhile: tuple[Write | Recall, ...]


@dataclass(frozen=True)
class Server:
    mode: str
    at_data: str


@dataclass(frozen=True)
class Clock:
    minutes: int


Step = Write | Recall | Retry | Relay | Server | Clock

RECIPIENTS = st.sampled_from(["lead@example.test", "lead2@example.test", *ANSWERS])
WRITE = st.builds(
    Write,
    to=st.lists(RECIPIENTS, min_size=1, max_size=3).map(tuple),
    commits=st.sampled_from([True, True, True, False]),
)
RECALL = st.builds(Recall, which=st.integers(0, 5))
FATE = st.one_of(
    st.just(LIVES),
    st.builds(Fate, st.just("at statement"), st.integers(1, 16)),
    st.builds(Fate, st.sampled_from(["before mail", "after mail"]), st.integers(1, 3)),
)
RELAY = st.builds(
    Relay,
    fates=st.lists(FATE, min_size=1, max_size=3).map(tuple),
    meanwhile=st.lists(WRITE | RECALL, max_size=2).map(tuple),
)
SERVER = st.builds(
    Server,
    mode=st.sampled_from(["accept"] * 5 + [*MODES]),
    at_data=st.sampled_from([*AT_DATA, "drop", "drop"]),
)
CLOCK = st.builds(Clock, minutes=st.sampled_from([1, 6, 61, 24 * 60, -30, -26 * 60]))
BEGINNING = Write(("lead@example.test", "gray@example.test"), commits=True)
STEP = st.one_of(
    WRITE, RELAY, RELAY, RELAY, SERVER, SERVER, CLOCK, RECALL, st.builds(Retry, st.integers(0, 5))
)
SCHEDULES = st.lists(STEP, min_size=6, max_size=14).map(lambda steps: [BEGINNING, *steps])
