# Everything a developer needs; a fresh machine has make and Python 3.11 or newer, nothing else.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:

# What another project left in the caller's shell must not reach this one.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONWARNINGS DJANGO_SETTINGS_MODULE
unexport GUNICORN_CMD_ARGS WEB_CONCURRENCY
unexport UV_FROZEN UV_LOCKED UV_NO_DEV UV_NO_GROUP UV_NO_DEFAULT_GROUPS UV_NO_SYNC UV_PROJECT
unexport AUDIT_MAC_KEY AUDIT_SIGNING_KEY AUDIT_VKEYS AUDIT_TSA_URL
unexport AUDIT_CHECKPOINT_FILE AUDIT_CHECKPOINT_RECIPIENTS
unexport DATABASE_URL EMAIL_URL SECRET_KEY ALLOWED_HOSTS PORTAL_URL EVIDENCE_DIR
unexport EVIDENCE_S3_BUCKET EVIDENCE_S3_ENDPOINT EVIDENCE_S3_REGION EVIDENCE_S3_RETENTION_DAYS
unexport PACK_DIR PACK_DAYS PRODUCTION_ENVIRONMENTS JIRA_EMERGENCY_TYPES JIRA_EMERGENCY_LABELS
unexport PAGERDUTY_WEBHOOK_SECRETS ALERTMANAGER_BEARER_TOKENS JIRA_WEBHOOK_SECRETS
unexport GITHUB_WEBHOOK_SECRETS GITLAB_WEBHOOK_TOKENS GITLAB_SIGNING_TOKENS
unexport CDEVENTS_BEARER_TOKENS SLACK_SIGNING_SECRETS
unexport PAGERDUTY_API_KEY PAGERDUTY_FROM PAGERDUTY_API_URL PAGERDUTY_RESOLVES
unexport JIRA_URL JIRA_FLAVOR JIRA_USER JIRA_TOKEN JIRA_PROJECT JIRA_ISSUE_TYPE
unexport JIRA_STATUSES JIRA_FIELDS WEBHOOK_ENDPOINTS WEBHOOK_PRIVATE
unexport SLACK_BOT_TOKEN SLACK_CHANNEL SLACK_CHANNELS SLACK_API_URL
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
# A company's own certificate authority is known to the system, not to uv.
CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/cert.pem)
export UV_SYSTEM_CERTS ?= $(if $(CERTIFICATES),1,0)
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

UV_VERSION := 0.13.8
PY := .venv/bin/python
# The suite and the checks see only what is named here, whatever the caller's environment holds.
CLEAN := env -i PATH="$$PATH" HOME="$$HOME" TMPDIR="$${TMPDIR:-/tmp}" LANG=C.UTF-8
TESTING := $(CLEAN) ECPORTAL_ENV=test
PRODUCTION := $(CLEAN) ECPORTAL_ENV=production ALLOWED_HOSTS=portal.example.com \
	DATABASE_URL=postgres://portal@db.example.com/portal \
	REDIS_URL=redis://redis.example.com/0 EMAIL_URL=smtp+tls://mail.example.com:587 \
	TIME_ZONE=Europe/Berlin BUSINESS_COUNTRY=DE
PYTEST ?= -n 3 --maxschedchunk 12
# A browser is several processes by itself.
BROWSING ?= -n 2 --maxschedchunk 2

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 20

setup: ## Make .venv with exactly what uv.lock names
	@{ [ -w . ] && { [ ! -e .venv ] || [ -w .venv ]; }; } || { \
		echo "ecportal cannot start: the folder $(CURDIR) cannot be written." >&2; exit 1; }
	@if cat pyproject.toml uv.lock 2>/dev/null | cmp -s - .venv/installed \
		&& $(PY) -c '' 2>/dev/null; then exit 0; fi; \
	for python in "$$PYTHON" python3 python3.13 python3.12 python3.11 ''; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	[ "$$python" ] || { echo "ecportal cannot start: it needs Python 3.11 or newer" \
		"(set PYTHON to one that is not on the PATH)." >&2; exit 1; }; \
	[ -e .venv/pyvenv.cfg ] || rm -rf .venv; \
	uv=uv; \
	uv --version >/dev/null 2>&1 || { \
		uv=.venv/tools/bin/uv; \
		"$$uv" --version >/dev/null 2>&1 || { \
			echo "Installing uv $(UV_VERSION) into .venv ..."; \
			"$$python" -m venv --clear .venv >/dev/null 2>&1 || { \
				echo "ecportal cannot start: $$python has no working venv module" \
					"(Debian: install the package python3-venv, or install uv)." >&2; exit 1; }; \
			.venv/bin/python -m pip install --quiet --target .venv/tools uv==$(UV_VERSION) \
				|| exit 1; }; }; \
	echo "Installing what uv.lock names into .venv ..."; \
	rm -f .venv/installed; \
	"$$uv" sync --locked --quiet --python "$$(command -v "$$python")" && \
	cat pyproject.toml uv.lock >.venv/installed

run: setup ## Start the demo on http://127.0.0.1:$PORT; Ctrl-C stops it
	@var="$${ECPORTAL_VAR:-var}"; { mkdir -p "$$var" && [ -w "$$var" ]; } 2>/dev/null || { \
		echo "ecportal cannot start: the folder $$var cannot be written." >&2; exit 1; }
	@exec env ECPORTAL_ENV=demo $(PY) manage.py serve

test: setup ## Run the suite on SQLite, then on PostgreSQL 18
	$(TESTING) $(PY) -m pytest $(PYTEST) --ignore=tests/browser
	$(TESTING) $(PY) -m tests.postgres $(PY) -m pytest $(PYTEST) --ignore=tests/browser

check: setup ## Lint, layers, types, migrations, production settings, diagrams
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(CLEAN) .venv/bin/lint-imports
	$(TESTING) $(PY) -m mypy .
	$(TESTING) DATABASE_URL=sqlite:///:memory: $(PY) manage.py makemigrations --check --dry-run
	$(PRODUCTION) SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')" \
		AUDIT_MAC_KEY="$$($(PY) -c 'import secrets; print(secrets.token_hex(32))')" \
		$(PY) manage.py check --deploy --fail-level WARNING
	$(TESTING) $(PY) manage.py draw_lifecycles --check

fmt: setup ## Format the code and mend what a machine can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

test-browser: setup ## Try every page and each main task in a real browser; needs Chromium
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		echo "No chromium is installed (Debian: apt-get install chromium)." >&2; exit 1; }
	$(TESTING) $(PY) -m pytest $(BROWSING) -rP tests/browser

test-integrations: setup ## Try the real clients against emulated systems; needs npm
	$(TESTING) $(PY) -m pytest -o python_files='try_*.py' -rs tests/emulators

bench: setup ## Measure the portal with a large population
	$(TESTING) $(PY) -m tests.bench
	$(TESTING) $(PY) -m tests.bench_trail
	$(TESTING) $(PY) -m tests.bench_pages

screenshots: setup ## Take the README's screenshots
	$(TESTING) $(PY) -m tests.screenshots

clean: ## Remove .venv and all local data
	@if [ -e var/serve.lock ] && ! flock --nonblock var/serve.lock true; then \
		echo "The portal runs; stop it first." >&2; exit 1; fi
	rm -rf .venv var .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help setup run test test-browser test-integrations check fmt bench screenshots clean
