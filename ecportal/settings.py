"""Settings of every installation: the differences come from the environment alone."""

import os
import tomllib
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from csp.constants import NONE, SELF

from ecportal import environment
from ecportal.environment import TEST, Environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("ECPORTAL_VAR") or BASE_DIR / "var")

env = Environment(os.environ, VAR_DIR)
VERSION = str(tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"])
ENVIRONMENT = env.mode
IN_PRODUCTION = env.in_production

DEBUG = False
SECRET_KEY = env.read(
    "SECRET_KEY",
    environment.secret_key,
    local=None if IN_PRODUCTION else env.kept("secret-key"),
)
ALLOWED_HOSTS = env.read("ALLOWED_HOSTS", environment.host_names, local="127.0.0.1,localhost")
PORTAL_URL = env.optional(
    "PORTAL_URL",
    environment.web_address,
    f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if IN_PRODUCTION else "http://127.0.0.1:8000",
)

INSTALLED_APPS = [
    "ecportal.apps.PlatformConfig",
    "ecportal.audit",
    "ecportal.accounts",
    "ecportal.outbox",
    "ecportal.integrations",
    "incidents",
    "changes",
    "reviews",
    "ecportal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "simple_history",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "ecportal.middleware.origin",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "ecportal.middleware.local_time",
    "ecportal.middleware.plain_input",
    "ecportal.middleware.auditors_reads",
]
ROOT_URLCONF = "ecportal.urls"
WSGI_APPLICATION = "ecportal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- data ---------------------------------------------------------------------------------------
DATABASE: dict[str, Any] = env.read(
    "DATABASE_URL", environment.database, local=f"sqlite:///{VAR_DIR / 'ecportal.sqlite3'}"
)
if DATABASE["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE takes the write lock at the first statement: a reader that wants to become a writer
    # in mid-transaction would otherwise fail at once, whatever the timeout.
    DATABASE["OPTIONS"] = {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    DATABASE["TEST"] = {"NAME": f"{DATABASE['NAME']}.test"}
else:
    DATABASE["CONN_MAX_AGE"] = 60
    DATABASE["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EVIDENCE_DIR = env.optional("EVIDENCE_DIR", Path, str(VAR_DIR / "evidence"))
EVIDENCE_MAX_BYTES = 25 * 1024 * 1024
# With a bucket evidence goes to S3; boto3 finds the credentials, in the environment or elsewhere.
EVIDENCE_S3_BUCKET = env.optional("EVIDENCE_S3_BUCKET", str, "")
EVIDENCE_STORE: dict[str, Any] = {
    "BACKEND": "changes.evidence_store.EvidenceFolder",
    "OPTIONS": {"location": str(EVIDENCE_DIR), "base_url": None},
}
EVIDENCE_S3_OPTIONS = {
    "bucket_name": EVIDENCE_S3_BUCKET,
    "endpoint_url": env.optional("EVIDENCE_S3_ENDPOINT", environment.web_address_if_any, "")
    or None,
    "region_name": env.optional("EVIDENCE_S3_REGION", str, "") or None,
    "retention_days": env.optional("EVIDENCE_S3_RETENTION_DAYS", environment.days, "2557"),
}
if EVIDENCE_S3_BUCKET:
    EVIDENCE_STORE = {
        "BACKEND": "changes.evidence_bucket.EvidenceBucket",
        "OPTIONS": EVIDENCE_S3_OPTIONS,
    }
# Evidence packs hold everything about their changes; a page hands them out after asking who it is.
PACK_DIR = env.optional("PACK_DIR", Path, str(VAR_DIR / "packs"))
PACK_DAYS = env.optional("PACK_DAYS", environment.days, "14")
STORAGES = {
    "default": EVIDENCE_STORE,
    "packs": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": str(PACK_DIR),
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if env.mode == TEST
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "ecportal.sheets.SheetFinder",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "changes.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- people -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "ecportal.accounts.authentication.DatedAccountBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
if env.mode == TEST:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
ANONYMOUS_USER_NAME = None  # guardian would otherwise make an account for nobody
GUARDIAN_AUTO_PREFETCH = False
# Whether every Engineering Lead decides for every system, or only for the systems granted to them.
LEAD_SCOPE = env.one_of("LEAD_SCOPE", ("all", "granted"), "all")
SESSION_COOKIE_AGE = 12 * 60 * 60

# --- deployments --------------------------------------------------------------------------------
# Which environments are production, as pipelines call them; * stands for any characters.
PRODUCTION_ENVIRONMENTS = env.optional(
    "PRODUCTION_ENVIRONMENTS", environment.names, "production,prod,live"
)

# What makes a ticket look like an emergency: its type, or one of its labels.
JIRA_EMERGENCY_TYPES = env.optional("JIRA_EMERGENCY_TYPES", environment.names, "emergency change")
JIRA_EMERGENCY_LABELS = env.optional("JIRA_EMERGENCY_LABELS", environment.names, "emergency")

# --- time ---------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = env.read("TIME_ZONE", environment.time_zone, local="Europe/Berlin")
BUSINESS_COUNTRY = env.read("BUSINESS_COUNTRY", environment.country, local="DE")
BUSINESS_SUBDIVISION = env.optional(
    "BUSINESS_SUBDIVISION", environment.subdivision_of(BUSINESS_COUNTRY), ""
)
LANGUAGE_CODE = "en-us"
USE_I18N = True
FORMAT_MODULE_PATH = "ecportal.formats"

# --- history ------------------------------------------------------------------------------------
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS = True
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True

# --- the trail ----------------------------------------------------------------------------------
AUDIT_MAC_KEYS = env.read(
    "AUDIT_MAC_KEY",
    environment.mac_keys,
    local=None if IN_PRODUCTION else env.kept("audit-mac-key", 32, as_hex=True),
)
# The sealer alone reads the key; everybody else verifies with the public keys that are pinned here.
AUDIT_SIGNING_KEY = env.optional("AUDIT_SIGNING_KEY", Path, str(VAR_DIR / "audit" / "signing.key"))
AUDIT_VKEYS = env.optional("AUDIT_VKEYS", environment.verifier_keys, "")
AUDIT_CHECKPOINT_FILE = env.optional(
    "AUDIT_CHECKPOINT_FILE", Path, str(VAR_DIR / "audit" / "checkpoints.txt")
)
AUDIT_CHECKPOINT_RECIPIENTS = env.optional("AUDIT_CHECKPOINT_RECIPIENTS", environment.addresses, "")
AUDIT_TSA_URL = env.optional("AUDIT_TSA_URL", environment.web_address_if_any, "")
# In the tests an edit that went past the history stops the suite; elsewhere the emergency goes on.
AUDIT_STRICT = env.mode == TEST

# --- messages and tasks -------------------------------------------------------------------------
MAIL_DIR = VAR_DIR / "mail"
vars().update(
    env.read(
        "EMAIL_URL",
        environment.email,
        local="memorymail://" if env.mode == TEST else f"filemail:///{MAIL_DIR}",
    )
)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.optional(
    "MAIL_FROM", environment.sender, environment.sender_at(ALLOWED_HOSTS[0])
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Where replies to mails about one change go; empty means to the sender.
MAIL_THREAD_ADDRESS = env.optional("MAIL_THREAD_ADDRESS", environment.thread_address, "")
# Outside production no variable means no Redis: Celery's filesystem transport takes its place.
REDIS_URL = env.read("REDIS_URL", environment.redis, local=environment.FILESYSTEM_BROKER)
BROKER_DIR = VAR_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
    }
    if REDIS_URL.startswith("filesystem")
    # A request never waits long for a broker that is down: beat finds what was due anyway.
    else {"socket_connect_timeout": 2, "socket_timeout": 5, "max_retries": 1, "interval_start": 0}
)
if REDIS_URL.startswith("filesystem"):
    for folder in ("messages", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives its broker, however long it is away
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 10 * 60
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "ecportal.beat:SteadyScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep-deadlines": {
        "task": "reviews.tasks.sweep_deadlines",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    # Each channel by a task of its own: a system that hangs holds up no other, and no mail.
    **{
        f"deliver-{channel}": {
            "task": "ecportal.outbox.tasks.deliver_messages",
            "args": [channel],
            "schedule": 60.0,
            "options": {"expires": 55},
        }
        for channel in ("email", "pagerduty", "slack", "jira", "webhook")
    },
    "work-on-deliveries": {
        "task": "ecportal.integrations.tasks.work_on_deliveries",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    "find-what-no-change-claims": {
        "task": "reviews.tasks.find_unclaimed",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    "build-packs": {
        "task": "reviews.tasks.build_packs",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    "verify-the-trail": {
        "task": "ecportal.audit.tasks.verify",
        "schedule": 3600.0,
        "options": {"expires": 3500},
    },
    # Beat runs what was due while it was down as soon as it is up again.
    "mail-a-checkpoint": {
        "task": "ecportal.audit.tasks.send_checkpoint",
        "schedule": crontab(hour=5, minute=0),
    },
    "stamp-a-checkpoint": {
        "task": "ecportal.audit.tasks.time_stamp",
        "schedule": crontab(hour=5, minute=5),
    },
}

# --- other systems ------------------------------------------------------------------------------
# What opens each webhook; several at once while one is exchanged for another. None closes it.
PAGERDUTY_WEBHOOK_SECRETS = env.optional(
    "PAGERDUTY_WEBHOOK_SECRETS", environment.shared_secrets, ""
)
ALERTMANAGER_BEARER_TOKENS = env.optional(
    "ALERTMANAGER_BEARER_TOKENS", environment.shared_secrets, ""
)
JIRA_WEBHOOK_SECRETS = env.optional("JIRA_WEBHOOK_SECRETS", environment.shared_secrets, "")
GITHUB_WEBHOOK_SECRETS = env.optional("GITHUB_WEBHOOK_SECRETS", environment.shared_secrets, "")
GITLAB_WEBHOOK_TOKENS = env.optional("GITLAB_WEBHOOK_TOKENS", environment.shared_secrets, "")
GITLAB_SIGNING_TOKENS = env.optional("GITLAB_SIGNING_TOKENS", environment.shared_secrets, "")
CDEVENTS_BEARER_TOKENS = env.optional("CDEVENTS_BEARER_TOKENS", environment.shared_secrets, "")
SLACK_SIGNING_SECRETS = env.optional("SLACK_SIGNING_SECRETS", environment.shared_secrets, "")

# --- what other systems are told ----------------------------------------------------------------
PAGERDUTY_API_KEY = env.beside("PAGERDUTY_API_KEY", environment.one_word, "PAGERDUTY_FROM")
PAGERDUTY_FROM = env.beside("PAGERDUTY_FROM", environment.address_if_any, "PAGERDUTY_API_KEY")
PAGERDUTY_API_URL = env.optional(
    "PAGERDUTY_API_URL", environment.secure_address_if_any, "https://api.pagerduty.com"
)
# Whether an incident that a person resolves here is resolved over there, after the notes.
PAGERDUTY_RESOLVES = env.optional("PAGERDUTY_RESOLVES", environment.boolean, "true")
JIRA_URL = env.beside("JIRA_URL", environment.secure_address_if_any, "JIRA_TOKEN", "JIRA_PROJECT")
JIRA_FLAVOR = env.one_of("JIRA_FLAVOR", ("cloud", "datacenter"), "cloud")
# With a user name the token is a password; without one it is Data Center's personal access token.
JIRA_USER = env.optional("JIRA_USER", environment.one_word, "")
JIRA_TOKEN = env.beside("JIRA_TOKEN", environment.one_word, "JIRA_URL")
JIRA_PROJECT = env.beside("JIRA_PROJECT", environment.one_word, "JIRA_URL")
JIRA_ISSUE_TYPE = env.optional("JIRA_ISSUE_TYPE", str, "Emergency Change")
JIRA_STATUSES = env.optional("JIRA_STATUSES", environment.jira_statuses, "")
JIRA_FIELDS = env.optional("JIRA_FIELDS", environment.jira_fields, "")
SLACK_BOT_TOKEN = env.beside("SLACK_BOT_TOKEN", environment.one_word, "SLACK_CHANNEL")
SLACK_CHANNEL = env.beside("SLACK_CHANNEL", environment.slack_channel, "SLACK_BOT_TOKEN")
# Where changes of incidents of some severity are announced instead.
SLACK_CHANNELS = env.optional("SLACK_CHANNELS", environment.slack_channels, "")
SLACK_API_URL = env.optional(
    "SLACK_API_URL", environment.secure_address_if_any, "https://slack.com/api"
)
WEBHOOK_ENDPOINTS = env.optional(
    "WEBHOOK_ENDPOINTS", environment.endpoints(plain=env.mode == TEST), ""
)
# Whether they may stand in a private network, where a foreign name must not lead by itself.
WEBHOOK_PRIVATE = env.optional("WEBHOOK_PRIVATE", environment.boolean, "false")

# --- the browser --------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "ecportal.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IN_PRODUCTION
SECURE_SSL_REDIRECT = env.optional("SSL_REDIRECT", environment.boolean, str(IN_PRODUCTION))
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if IN_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IN_PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
# Only where a proxy ends TLS and always sets this header itself may it be believed.
BEHIND_TLS_PROXY = env.optional("BEHIND_TLS_PROXY", environment.boolean, "false")
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if IN_PRODUCTION:
    CSRF_TRUSTED_ORIGINS = [PORTAL_URL]

LOGGING: dict[str, Any] = {
    "version": 1,
    # The filesystem transport has no host, and Kombu would say so at each task.
    # Pages that were refused or not found are answers, no faults of the portal.
    "loggers": {"kombu.connection": {"level": "ERROR"}, "django.request": {"level": "ERROR"}},
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["console"],
        "level": env.one_of(
            "LOG_LEVEL",
            ("DEBUG", "INFO", "WARNING", "ERROR"),
            "INFO" if IN_PRODUCTION else "WARNING",
        ),
    },
}
