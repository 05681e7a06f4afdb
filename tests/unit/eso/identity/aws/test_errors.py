"""Codes of AWS as errors of the operator."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    SSLError,
)

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.identity.aws.errors import error_of


def answered(code: str, status: int = 400, **headers: str) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": "canary"}, "ResponseMetadata": metadata}, "Op")


@pytest.mark.parametrize(
    ("err", "expected"),
    [
        (answered("ResourceNotFoundException"), NoSecretError),
        (answered("ParameterNotFound"), NoSecretError),
        (answered("AccessDeniedException"), AccessDeniedError),
        (answered("AccessDenied", 403), AccessDeniedError),
        (answered("ExpiredTokenException"), AccessDeniedError),
        (answered("InvalidSignatureException"), AccessDeniedError),
        (answered("SomethingNew", 403), AccessDeniedError),
        (answered("ThrottlingException"), ThrottledError),
        (answered("TooManyRequestsException"), ThrottledError),
        (answered("SomethingNew", 429), ThrottledError),
        (answered("InternalServiceError", 500), UnavailableError),
        (answered("ServiceUnavailable", 503), UnavailableError),
        (answered("SomethingNew", 500), UnavailableError),
        (answered("ValidationException"), InvalidRequestError),
        (answered("SomethingNew"), InvalidRequestError),
        (NoCredentialsError(), AccessDeniedError),
        (ParamValidationError(report="canary"), InvalidRequestError),
        (SSLError(endpoint_url="canary", error="canary"), UnavailableError),
        (EndpointConnectionError(endpoint_url="canary", error="canary"), UnavailableError),
        (ConnectionClosedError(endpoint_url="canary", error="canary"), UnavailableError),
        (KeyError("canary"), ProviderError),
    ],
)
def test_classes(err: Exception, expected: type[ProviderError]) -> None:
    found = error_of(err, "reading secret db")
    assert type(found) is expected
    assert str(found).startswith("reading secret db: ") and "canary" not in str(found)


@pytest.mark.parametrize("code", ["x" * 65, "<script>", "a b", "canary\n"])
def test_what_does_not_look_like_a_code_is_left_out(code: str) -> None:
    assert str(error_of(answered(code, 418), "reading")) == "reading: AWS answered 418"


@pytest.mark.parametrize(("header", "expected"), [("7", 7.0), ("999999", 3600.0), ("soon", None), ("", None)])
def test_retry_after(header: str, expected: float | None) -> None:
    found = error_of(answered("Throttling", **{"retry-after": header}), "reading")
    assert isinstance(found, ThrottledError) and found.retry_after == expected
