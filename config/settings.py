"""Settings, read from the environment. Every name is documented in docs/operations.md.

Secrets can also come from a file: NAME_FILE=/run/secrets/name.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from config import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()


def port(name: str, default: int) -> int:
    """A TCP port from the environment."""
    text = env.str(name, default=str(default))
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ImproperlyConfigured(f"{name} must be a port from 1 to 65535, not {text!r}.")
    return int(text)


def number(name: str, default: int, *, least: int = 0, most: int = 10_000) -> int:
    """A whole number within bounds from the environment."""
    text = env.str(name, default=str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise ImproperlyConfigured(
            f"{name} must be a whole number from {least} to {most}, not {text!r}."
        )
    return int(text)


def flag(name: str, *, default: bool) -> bool:
    """A yes or no from the environment."""
    text = env.str(name, default=str(default)).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")


def words(name: str) -> list[str]:
    """A list separated by commas from the environment."""
    return [word.strip() for word in env.str(name, default="").split(",") if word.strip()]


def origin(name: str, text: str) -> str:
    """An http(s) origin (scheme://host[:port]), without a trailing slash."""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
        raise ImproperlyConfigured(
            f"{name} must be an origin such as https://push.example.com, not {text!r}."
        )
    return text.rstrip("/")


def secret(name: str, file_name: str) -> str:
    """A secret from the environment, else from the file that `manage.py up` made in VAR_DIR."""
    if value := env.str(name, default=""):
        return str(value)
    path = VAR_DIR / file_name
    try:
        value = path.read_text().strip()
    except FileNotFoundError:
        value = ""
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} can't be read from {path}: {error.strerror}."
        ) from error
    if not value and not COMMAND_WITHOUT_SECRETS:
        raise ImproperlyConfigured(
            f"{name} is not set and {path} does not exist. Set {name}, or run `make up` once."
        )
    return value or "no-secret-yet"


# `up` makes the secrets before it starts the children that need them.
COMMAND_WITHOUT_SECRETS = len(sys.argv) > 1 and sys.argv[1] in {"up", "help", "collectstatic"}

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).expanduser().absolute()
DEBUG = flag("DEBUG", default=False)
BIND_ADDRESS = env.str("BIND_ADDRESS", default="127.0.0.1")
WEB_PORT = port("WEB_PORT", 8000)
SHOP_PORT = port("SHOP_PORT", 8001)
PUSH_PORT = port("PUSH_PORT", 8002)
APPS_PORT = port("APPS_PORT", 8003)
WORKERS = number("WORKERS", 2, least=1, most=256)
WEB_WORKERS = number("WEB_WORKERS", 2, least=1, most=256)
PUBLIC_URL = origin(
    "PUBLIC_URL", env.str("PUBLIC_URL", default="") or f"http://127.0.0.1:{WEB_PORT}"
)
TRUSTED_PROXIES = number("TRUSTED_PROXIES", 0, most=10)
# Set by `up` where it runs the demo shop and the sandbox push service.
DEMO = flag("DEMO", default=False)
EXTRA_PUSH_ORIGINS = frozenset(
    origin("EXTRA_PUSH_ORIGINS", word) for word in words("EXTRA_PUSH_ORIGINS")
)
# Where apps' messages go and where Google gives access tokens. Anything else is a stand-in, whose
# origin EXTRA_PUSH_ORIGINS must name, too.
FCM_ORIGIN = origin("FCM_ORIGIN", env.str("FCM_ORIGIN", default="https://fcm.googleapis.com"))
FCM_TOKEN_URI = env.str("FCM_TOKEN_URI", default="https://oauth2.googleapis.com/token")
FCM_PER_MINUTE = number("FCM_PER_MINUTE", 600_000, least=60, most=100_000_000)
APNS_ORIGIN = origin("APNS_ORIGIN", env.str("APNS_ORIGIN", default="https://api.push.apple.com"))
APNS_SANDBOX_ORIGIN = origin(
    "APNS_SANDBOX_ORIGIN",
    env.str("APNS_SANDBOX_ORIGIN", default="https://api.sandbox.push.apple.com"),
)
# Certificates (PEM) that push services are trusted by, instead of the system's.
PUSH_CA_FILE = env.str("PUSH_CA_FILE", default="")
VAPID_SUBJECT = env.str("VAPID_SUBJECT", default="mailto:push@beckon.example")

SECRET_KEY = secret("SECRET_KEY", "secret_key")
ENCRYPTION_KEYS = [
    key.strip()
    for key in secret("ENCRYPTION_KEYS", "encryption_keys").replace("\n", ",").split(",")
    if key.strip()
]

ALLOWED_HOSTS = words("ALLOWED_HOSTS") or [
    str(urlsplit(PUBLIC_URL).hostname),
    "127.0.0.1",
    "localhost",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE = PUBLIC_URL.startswith("https://")

# Public writes a minute. A carrier's NAT puts thousands of phones behind one address.
INGEST_PER_SITE = number("INGEST_PER_SITE", 6_000, least=1, most=1_000_000)
INGEST_PER_ADDRESS = number("INGEST_PER_ADDRESS", 1_200, least=1, most=1_000_000)
# How long events are kept: a month is dropped when all of it is older.
EVENT_RETENTION_DAYS = number("EVENT_RETENTION_DAYS", 400, least=30, most=36_500)

# How long pages wait for a count of an audience before they estimate it.
AUDIENCE_TIMEOUT_MS = number("AUDIENCE_TIMEOUT_MS", 3_000, least=50, most=60_000)

# A file that names the people of a list.
LIST_UPLOAD_BYTES = number("LIST_UPLOAD_BYTES", 100_000_000, least=1_000, most=1_000_000_000)
FILE_UPLOAD_HANDLERS = [
    "audiences.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Sending. The most deliveries that a kill can leave unknown is SEND_IN_FLIGHT per worker.
SEND_BATCH = number("SEND_BATCH", 5_000, least=1, most=50_000)
SEND_WINDOW = number("SEND_WINDOW", 250, least=1, most=1_000)
SEND_IN_FLIGHT = max(number("SEND_IN_FLIGHT", 500, least=1, most=5_000), SEND_WINDOW)
# Longer than an answer (10 s) and a database that is away (30 s) are waited for.
SEND_LEASE_SECONDS = 60
LATENESS_LIMIT_SECONDS = number("LATENESS_LIMIT", 3_600, least=60, most=7 * 86_400)
PAYLOAD_LIMIT = number("PAYLOAD_LIMIT", 2_600, least=500, most=3_993)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "crispy_bootstrap5",
    "crispy_forms",
    "csp",
    "django_htmx",
    "django_rq",
    "drf_spectacular",
    "rest_framework",
    "accounts",
    "subscribers",
    "audiences",
    "campaigns",
    "config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "accounts.privacy.PrivatePagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.shell",
            ],
        },
    }
]

DATABASE_URL = env.str("DATABASE_URL", default="") or embedded.database_url(VAR_DIR)
if not DATABASE_URL.startswith(("postgres://", "postgresql://")):
    raise ImproperlyConfigured(
        "DATABASE_URL must begin with postgresql://. Beckon needs PostgreSQL."
    )
# Its data are in VAR_DIR then, and are copied with it.
DATABASE_IS_EMBEDDED = not env.str("DATABASE_URL", default="")
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["CONN_MAX_AGE"] = 60

REDIS_URL = env.str("REDIS_URL", default="") or embedded.redis_url(VAR_DIR)
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")
RQ_QUEUES = {
    name: {
        "URL": REDIS_URL,
        "SERIALIZER": "rq.serializers.JSONSerializer",
        "DEFAULT_TIMEOUT": 600,
        "DEFAULT_RESULT_TTL": 0,
    }
    for name in ("plan", "send", "default")
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "beckon",
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:signin"
LOGIN_REDIRECT_URL = "accounts:sites"
LOGOUT_REDIRECT_URL = "accounts:signin"
SESSION_ENGINE = "accounts.session_store"
SESSION_COOKIE_AGE = 14 * 86_400
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "accounts.errors.csrf_failure"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "base-uri": ["'none'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        # Pictures in previews are the marketer's own, wherever they are hosted.
        "img-src": ["'self'", "data:", "https:", *(["http:"] if not SECURE else [])],
        "manifest-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
    }
}

# Throttled by account and by address (push-reference 4.1 row 17): 10 tries in 15 minutes.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "accounts.throttle.account_of"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HANDLER = "accounts.throttle.SignInThrottle"
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXIES or None
AXES_CLIENT_IP_CALLABLE = "accounts.addresses.client_address"
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "accounts.signin.locked_out"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Only our own: no page shows what the libraries bring for theirs.
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
# `up` collects and compresses them; where it has not (tests), they come from static/ as they are.
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "css").is_dir()
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 300
WHITENOISE_ALLOW_ALL_ORIGINS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
CRISPY_FAIL_SILENTLY = DEBUG is False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api_keys.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api_keys.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api_keys.ApiKeyThrottle"],
    "DEFAULT_PARSER_CLASSES": ["accounts.json_bodies.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["accounts.json_answers.SafeJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Beckon API",
    "DESCRIPTION": "Subscribers and campaigns of one site. Authorization: Bearer KEY.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # 3.1 is JSON Schema: what the suite checks every answer with.
    "OAS_VERSION": "3.1.1",
    "ENUM_NAME_OVERRIDES": {
        "CampaignState": "campaigns.models.Campaign.State",
        "SubscriptionState": "subscribers.models.Subscription.State",
        "DeviceChannel": "subscribers.models.Channel",
        "AppChannel": "subscribers.incoming_apps.CHANNELS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.nullable",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"without_links": {"()": "accounts.log_redaction.WithoutLinks"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["without_links"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO" if DEBUG else "WARNING"},
    "loggers": {
        "beckon": {"level": "INFO"},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
