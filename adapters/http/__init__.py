"""The HTTP kit that every vendor's adapter is built on."""

from adapters.http.answer import Answer, VendorError
from adapters.http.auth import Auth, StaticAuth, Token, TokenAuth, basic, signed_jwt, utc_now
from adapters.http.client import HttpClient
from adapters.http.errors import ErrorTable, Row, error_for, raise_for, retry_after
from adapters.http.paging import Page, paged
from adapters.http.quota import Quota, quota_of
from adapters.http.redaction import RedactingFilter, redact
from adapters.http.secrets import option, require_environment, resolve, secret

__all__ = [
    "Answer",
    "Auth",
    "ErrorTable",
    "HttpClient",
    "Page",
    "Quota",
    "RedactingFilter",
    "Row",
    "StaticAuth",
    "Token",
    "TokenAuth",
    "VendorError",
    "basic",
    "error_for",
    "option",
    "paged",
    "quota_of",
    "raise_for",
    "redact",
    "require_environment",
    "resolve",
    "retry_after",
    "secret",
    "signed_jwt",
    "utc_now",
]
