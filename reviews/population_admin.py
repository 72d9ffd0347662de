"""How populations are listed, proved, handed out, and certified to be empty."""

import hashlib
import json
import tempfile
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.text import slugify

from ecportal import errors
from ecportal.admin import LifecycleAdmin
from ecportal.audit import reads
from ecportal.forms import ActForm
from ecportal.lifecycle import Lifecycle
from ecportal.refusals import NoSuchPage
from ecportal.site import signed_in
from reviews.columns import STATES
from reviews.comparison import came_since, compare
from reviews.kept import write_again
from reviews.models import Population, Sample
from reviews.none_occurred import NotCertified, as_document, certify, sentence, sequence
from reviews.population import hidden_from
from reviews.proof import of_kept
from reviews.reconciled import RECONCILED, not_reconciled, tally_of
from reviews.renderings import FORMATS
from reviews.sampling import new_seed
from reviews.working_paper_forms import PeriodForm
from reviews.working_paper_rows import SHORT, shown_rows
from reviews.working_papers import LARGEST_SAMPLE, POPULATIONS, SAMPLES

PAGES = "admin/reviews/population"
ROWS_A_PAGE = 50
ALTERED = (
    "Its rows no longer give the fingerprint of the day on which they were listed: they were "
    "altered, or the portal writes this format differently since. Tell whoever runs the portal, "
    "and generate the population again."
)


@admin.register(Population)
class PopulationAdmin(LifecycleAdmin):
    lifecycle: Lifecycle[Any] = POPULATIONS
    creation = "generate"
    act_forms: dict[str, type[ActForm]] = {"generate": PeriodForm}
    record_template = f"{PAGES}/record.html"
    list_display = ("number", "by", "first_day", "last_day", "count", "generated_at",
                    "generated_by")  # fmt: skip
    list_filter = ("by",)
    list_select_related = ("generated_by",)
    search_fields = ("number",)
    empty_list = "No population yet. Generate one for a period."

    def get_urls(self) -> list[URLPattern]:
        one = "<path:object_id>"
        none = f"{one}/none-occurred"
        return [
            self.own(self.file_view, f"{one}/file/<slug:form>/", "file"),
            self.own(self.proof_view, f"{one}/proof/", "proof"),
            self.own(self.none_occurred_view, f"{none}/", "none_occurred"),
            self.own(self.none_occurred_json_view, f"{none}/json/", "none_occurred_json"),
            *super().get_urls(),
        ]

    # --- the page -------------------------------------------------------------------------------
    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Return the proof, one page of rows, and what can be done with them."""
        user = signed_in(request)
        hidden = hidden_from(user)
        page = Paginator(record.rows.order_by("pk"), ROWS_A_PAGE).get_page(request.GET.get("page"))
        again = compare(record, hidden) if "again" in request.GET else None
        may_draw = SAMPLES.permitted(Sample(), "draw", user)
        return {
            "rows": shown_rows(record, list(page.object_list), hidden),
            "page": page,
            "pages": page.paginator.get_elided_page_range(page.number),
            "came_since": came_since(record),
            "again": again,
            "withheld": record.rows.filter(change__in=hidden).count() if hidden else 0,
            "samples": list(record.samples.select_related("drawn_by")),
            "draw_url": reverse("admin:reviews_sample_add") if may_draw else "",
            "drawable": min(record.count - record.cancelled, LARGEST_SAMPLE),
            "seed": new_seed(),
            "incidents": tally_of(record),
            "shorts": SHORT,
            "states": [{"state": state, "words": words} for state, words in STATES.items()],
            "files": [(form, record.sha256(form)) for form in FORMATS],
        }

    # --- what is handed out ---------------------------------------------------------------------
    def file_view(self, request: HttpRequest, object_id: str, form: str) -> HttpResponseBase:
        """Hand out the kept rows; changes that the reader may not see are redacted."""
        population = self.visible(request, object_id)
        if form not in FORMATS:
            raise NoSuchPage("A population is handed out as csv, json or xlsx.")
        hidden = hidden_from(signed_in(request))
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the response
        written = write_again(population, form, file, hidden)
        withheld = bool(hidden) and population.rows.filter(change__in=hidden).exists()
        if not withheld and written.sha256 != population.sha256(form):
            file.close()
            title = f"{population.number} cannot be handed out"
            return errors.page(request, 409, title, ALTERED)
        file.seek(0)
        name = f"{file_name(population)}.{form}"
        reads.exported(name, written.sha256)
        response = FileResponse(file, as_attachment=True, filename=name)
        response["Content-Type"] = FORMATS[form][1]
        return response

    def proof_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        population = self.visible(request, object_id)
        proof = of_kept(population, hidden_from(signed_in(request)))
        return _json_file(proof, f"{file_name(population)}.proof.json")

    def none_occurred_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        population = self.visible(request, object_id)
        context = self.page(request, population, "None occurred")
        try:
            certificate = certify(population)
        except NotCertified as refused:
            context["refusal"] = str(refused)
            return TemplateResponse(request, f"{PAGES}/none_occurred.html", context, status=409)
        context.update(
            certificate=certificate,
            sentence=sentence(certificate),
            sequence=sequence(certificate),
            reconciled=RECONCILED,
            not_reconciled=not_reconciled(),
        )
        return TemplateResponse(request, f"{PAGES}/none_occurred.html", context)

    def none_occurred_json_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        population = self.visible(request, object_id)
        try:
            document = as_document(certify(population))
        except NotCertified as refused:
            return HttpResponse(
                f"{refused}\n", content_type="text/plain; charset=utf-8", status=409
            )
        return _json_file(document, f"{file_name(population)}.none-occurred.json")


def file_name(population: Population) -> str:
    """Return the name of the population's files, without the ending."""
    days = f"{population.first_day} {population.last_day}"
    return slugify(f"{population.number} {population.by} {days}")


def _json_file(document: dict[str, Any], name: str) -> HttpResponse:
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    reads.exported(name, hashlib.sha256(text.encode()).hexdigest())
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
