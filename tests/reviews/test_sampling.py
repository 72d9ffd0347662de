"""Samples: what the seed draws anyone can draw again; by hand; what is asked and answered."""

import hashlib
import re
from typing import Any

import pytest

from ecportal.lifecycle import TransitionRefused
from reviews.models import Sample
from reviews.sampling import draw, new_seed
from reviews.working_papers import SAMPLE_ITEMS, SAMPLES
from tests.reviews.populations import generated, sampled
from tests.scenario import Company, a_change, a_draft, person

pytestmark = pytest.mark.once

NUMBERS = [f"EC-2026-{n:04d}" for n in range(1, 41)]


def numbers_of(sample: Sample) -> list[str]:
    return list(sample.items.order_by("place").values_list("change__number", flat=True))


def drawn_by_somebody_else(procedure: str, numbers: list[str]) -> list[str]:
    """Follow the recorded words, with nothing of the portal: as an auditor's script would."""
    seed = re.search(r"SHA-256 of the text “(.*):NUMBER”", procedure)
    size = re.search(r"The sample is the first (\d+),", procedure)
    assert seed is not None
    assert size is not None
    digests = {hashlib.sha256(bytes(f"{seed[1]}:{n}", "utf-8")).hexdigest(): n for n in numbers}
    return [digests[digest] for digest in sorted(digests)][: int(size[1])]


def test_seed_draws_what_the_words_say(company: Company) -> None:
    for _ in range(7):
        a_draft(company)
    sample = sampled(company, generated(company), seed="brightline-q3", size=4)
    listed = list(sample.population.rows.values_list("number", flat=True))
    assert numbers_of(sample) == drawn_by_somebody_else(sample.procedure, listed)
    assert (sample.size, sample.frame_size, sample.seed) == (4, 7, "brightline-q3")


def test_drawn_again_it_is_the_same_whatever_the_order_of_the_list() -> None:
    assert draw("s", NUMBERS, 9) == draw("s", reversed(NUMBERS), 9) == draw("s", set(NUMBERS), 9)
    assert draw("s", NUMBERS, 20)[:9] == draw("s", NUMBERS, 9)
    assert draw("s", NUMBERS, 9) != draw("t", NUMBERS, 9)


def test_known_draw_stays_known() -> None:
    """Written down once: a changed procedure would make every recorded sample a lie."""
    assert draw("brightline-q3", NUMBERS, 3) == KNOWN


KNOWN = ["EC-2026-0006", "EC-2026-0021", "EC-2026-0016"]


def test_every_number_is_drawn_about_as_often() -> None:
    times = dict.fromkeys(NUMBERS, 0)
    for n in range(800):
        for number in draw(f"seed {n}", NUMBERS, 10):
            times[number] += 1
    assert 150 < min(times.values()) <= max(times.values()) < 250


def test_proposed_seeds_differ() -> None:
    assert len({new_seed() for _ in range(50)}) == 50


def test_cancelled_changes_are_drawn_only_when_wanted(company: Company) -> None:
    void, done = a_change(company, "cancelled"), a_change(company, "closed")
    population = generated(company)
    ordinary = sampled(company, population, seed="s", size=1)
    assert (numbers_of(ordinary), ordinary.frame_size) == ([done.number], 1)
    whole = sampled(company, population, seed="s", size=2, frame="all")
    assert set(numbers_of(whole)) == {void.number, done.number}


def test_population_stays_the_frame_after_records_changed(company: Company) -> None:
    change = a_draft(company)
    population = generated(company)
    a_draft(company)
    assert numbers_of(sampled(company, population, seed="s", size=1)) == [change.number]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"seed": "s", "size": 0}, "Enter a sample size from 1 to 2."),
        ({"seed": "s", "size": 3}, "Enter a sample size from 1 to 2."),
        ({"numbers": []}, "Name from 1 to 1000 numbers."),
        ({"numbers": ["EC-1999-0001"]}, "EC-1999-0001: not among what can be drawn from."),
    ],
)
def test_sample_that_cannot_be_drawn_is_refused(
    company: Company, data: dict[str, Any], said: str
) -> None:
    a_draft(company)
    a_draft(company)
    population = generated(company)
    with pytest.raises(TransitionRefused, match=re.escape(said)):
        sampled(company, population, **data)
    assert not Sample.objects.exists()


def test_nothing_is_drawn_from_an_empty_population(company: Company) -> None:
    with pytest.raises(TransitionRefused, match="the frame is empty"):
        sampled(company, generated(company), seed="s", size=1)


def test_sample_by_hand_keeps_its_order_and_each_change_once(company: Company) -> None:
    one, two = a_draft(company).number, a_draft(company).number
    sample = sampled(company, generated(company), numbers=[two, one, two])
    assert (numbers_of(sample), sample.seed, sample.size) == ([two, one], "", 2)
    assert sample.procedure.startswith("Chosen by hand from all but the cancelled changes of POP-")


# --- requests and answers -----------------------------------------------------------------------
def item_of(company: Company) -> Any:
    a_draft(company)
    return sampled(company, generated(company), seed="s", size=1).items.get()


def do(item: Any, verb: str, by: Any, reason: str) -> None:
    SAMPLE_ITEMS.perform(item, verb, by=by, reason=reason)


def test_every_request_and_answer_stays_in_the_history(company: Company) -> None:
    item = item_of(company)
    do(item, "request", company.auditor, "Why was it late?")
    do(item, "answer", company.lead, "The phone was off.")
    do(item, "request", company.auditor, "Whose?")
    assert (item.status, item.request, item.answer) == (
        "requested", "Whose?", "The phone was off.",
    )  # fmt: skip
    do(item, "answer", company.engineer, "Mine.")
    told = [(row.history_verb, row.history_user.username, row.history_change_reason)
            for row in item.history.order_by("history_id")]  # fmt: skip
    assert told[1:] == [
        ("request", "auditor", "Why was it late?"), ("answer", "lead", "The phone was off."),
        ("request", "auditor", "Whose?"), ("answer", "engineer", "Mine."),
    ]  # fmt: skip


def test_answer_comes_after_a_request(company: Company) -> None:
    with pytest.raises(TransitionRefused, match="possible only while the sample item is requested"):
        do(item_of(company), "answer", company.lead, "Here.")


def test_superuser_in_no_role_neither_draws_nor_asks_nor_answers(company: Company) -> None:
    item, root = item_of(company), person("root", is_superuser=True)
    with pytest.raises(TransitionRefused, match="Your role does not include"):
        do(item, "request", root, "Please.")
    do(item, "request", company.auditor, "Please.")
    with pytest.raises(TransitionRefused, match="Your role does not include"):
        do(item, "answer", root, "Here.")
    again = Sample(population=item.sample.population, method=Sample.Method.SEED)
    with pytest.raises(TransitionRefused, match="Your role does not include"):
        SAMPLES.perform(again, "draw", by=root, reason="I may.", seed="s", size=1)
