"""What an auditor does: list a population, draw a sample, ask about its items; and the answers."""

import json
from collections.abc import Iterator
from itertools import islice

from django.conf import settings

from changes.models import EmergencyChange
from ecportal.lifecycle import NEW, Act, Lifecycle, Transition, TransitionRefused
from ecportal.numbering import take_number
from reviews.columns import HEADINGS
from reviews.listing import Taken
from reviews.models import Population, PopulationRow, Sample, SampleItem
from reviews.population import BATCH
from reviews.sampling import BY_HAND, BY_SEED, draw

CANCELLED = EmergencyChange.Status.CANCELLED
LARGEST_SAMPLE = 1000


# --- populations --------------------------------------------------------------------------------
def generate(population: Population, act: Act) -> None:
    """Keep the run that the act carries (`taken`), with who asked for it and when."""
    taken: Taken = act.data["taken"]
    listing, period = taken.listing, taken.listing.period
    population.number = take_number("POP")
    population.first_day, population.last_day = period.first, period.last
    population.by, population.time_zone = period.by, period.zone
    population.query = period.in_words()
    population.count, population.cancelled = listing.count, listing.cancelled
    population.first_number, population.last_number = listing.first, listing.last
    population.missing_numbers = ", ".join(listing.gaps)
    population.of_other_periods = listing.of_other_periods
    population.period_over = period.is_over(act.recorded_at)
    population.columns = json.dumps(HEADINGS)
    for form, sha256 in taken.sha256.items():
        setattr(population, f"sha256_{form}", sha256)
    population.generated_by, population.generated_at = act.by, act.recorded_at
    population.portal_version = settings.VERSION


def keep_rows(population: Population, act: Act) -> None:
    place = list(HEADINGS).index("number")
    rows = (
        PopulationRow(
            population=population,
            change_id=key,
            number=row[place],
            cells=json.dumps(row, ensure_ascii=False),
        )
        for key, row in act.data["taken"].rows()
    )
    while batch := list(islice(rows, BATCH)):
        PopulationRow.objects.bulk_create(batch)


GENERATED = Population.Status.GENERATED

POPULATIONS = Lifecycle(
    Population,
    Transition("generate", NEW, GENERATED, [], generate, "Generate a population", after=keep_rows),
)


# --- samples ------------------------------------------------------------------------------------
def frame_of(population: Population, frame: str) -> dict[str, int]:
    """Return the numbers that can be drawn, as they were listed, with the keys of their changes."""
    place = list(population.headings()).index("status")
    rows: Iterator[PopulationRow] = population.rows.iterator(chunk_size=BATCH)
    cancelled = str(CANCELLED.label)
    return {
        row.number: row.change_id
        for row in rows
        if frame == Sample.Frame.ALL or row.values()[place] != cancelled
    }


def choose(sample: Sample, act: Act) -> None:
    """Draw by the seed, or take the numbers that were chosen (`numbers`); both from the frame."""
    sample.frame = act.data.get("frame") or Sample.Frame.NOT_CANCELLED
    known = frame_of(sample.population, sample.frame)
    if not known:
        raise TransitionRefused("There is nothing to draw from: the frame is empty.", "population")
    if sample.method == Sample.Method.SEED:
        sample.seed = act.data["seed"]
        chosen = _drawn(sample.seed, known, act.data.get("size") or 0)
    else:
        chosen = _by_hand(known, act.data.get("numbers") or [])
    sample.number = take_number("S")
    sample.frame_size, sample.size = len(known), len(chosen)
    sample.procedure = (BY_SEED if sample.seed else BY_HAND).format(
        seed=sample.seed, example=min(known), size=len(chosen), frame_size=len(known),
        frame=sample.get_frame_display().lower(), population=sample.population.number,
    )  # fmt: skip
    sample.drawn_by, sample.drawn_at = act.by, act.recorded_at
    sample._chosen = [known[number] for number in chosen]  # type: ignore[attr-defined]


def _drawn(seed: str, known: dict[str, int], size: int) -> list[str]:
    if not 0 < size <= min(len(known), LARGEST_SAMPLE):
        most = min(len(known), LARGEST_SAMPLE)
        raise TransitionRefused(f"Enter a sample size from 1 to {most}.", "size")
    return draw(seed, known, size)


def _by_hand(known: dict[str, int], numbers: list[str]) -> list[str]:
    chosen = list(dict.fromkeys(numbers))
    if not 0 < len(chosen) <= LARGEST_SAMPLE:
        raise TransitionRefused(f"Name from 1 to {LARGEST_SAMPLE} numbers.", "numbers")
    strangers = [number for number in chosen if number not in known]
    if strangers:
        raise TransitionRefused(
            f"{', '.join(strangers[:5])}: not among what can be drawn from.", "numbers"
        )
    return chosen


def include_items(sample: Sample, act: Act) -> None:
    for place, key in enumerate(sample._chosen, 1):  # type: ignore[attr-defined]
        act.save(SampleItem(sample=sample, place=place, change_id=key))


SAMPLES = Lifecycle(
    Sample,
    Transition("draw", NEW, Sample.Status.DRAWN, [], choose, "Draw a sample", after=include_items),
)


# --- what is asked about an item ----------------------------------------------------------------
def ask(item: SampleItem, act: Act) -> None:
    item.request, item.requested_by, item.requested_at = act.reason, act.by, act.recorded_at


def reply(item: SampleItem, act: Act) -> None:
    item.answer, item.answered_by, item.answered_at = act.reason, act.by, act.recorded_at


DRAWN, REQUESTED, ANSWERED = SampleItem.Status

SAMPLE_ITEMS = Lifecycle(
    SampleItem,
    Transition("request", {DRAWN}, REQUESTED, [], ask, "Ask about this change"),
    Transition("request", {REQUESTED, ANSWERED}, REQUESTED, [], ask, "Ask again"),
    Transition("answer", {REQUESTED}, ANSWERED, [], reply, "Answer the auditor"),
)  # fmt: skip
