"""No page weighs much more than Django's own page of the same model would."""

import pytest
from django.contrib import admin

from tests.pages.conftest import SignIn
from tests.pages.world import World, listing, page
from tests.scenario import person
from tests.stock_admin import stock
from tests.weight import weight

pytestmark = pytest.mark.once

MORE = 60_000  # bytes, compressed


def test_page_weighs_at_most_sixty_kilobytes_more_than_stock(
    world: World, signed_in: SignIn
) -> None:
    root = person("everybody", "Engineer", "Engineering Lead", "Role Administrator",
                  is_superuser=True)  # fmt: skip
    addresses = ["/admin/", *(listing(model) for model in admin.site._registry)]
    addresses += [page(record) for record in world.records.values()]
    client = signed_in(root)
    ours = {at: client.get(at) for at in addresses}
    with stock():
        answers = {at: client.get(at) for at in addresses}
    print([at for at, answer in answers.items() if answer.status_code != 200])
    assert {answer.status_code for answer in answers.values()} == {200}
    theirs = {at: weight(answer.content.decode()) for at, answer in answers.items()}
    more = {
        at: weight(answer.content.decode()) - theirs[at]
        for at, answer in ours.items()
        if answer.status_code == 200
    }
    assert len(more) > len(addresses) * 0.8
    heavy = {at: excess for at, excess in more.items() if excess > MORE}
    print(dict(sorted(more.items(), key=lambda row: -row[1])[:5]))
    assert not heavy
