"""What each generator makes of the faults of its vendor."""

from __future__ import annotations

from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.generators.cloudsmithaccesstoken import CloudsmithAccessTokenGenerator
from tests.support.tokenvendors import (
    PRINCIPAL,
    Github,
    Gitlab,
    GrafanaCase,
    RegistryCase,
    acr_spec,
    against,
    azure,
    beyondtrust,
    beyondtrust_spec,
    cloudsmith_spec,
    quay,
)
from tests.support.vendors.registries import Cloudsmith

FAULTS: list[tuple[tuple[int, dict[str, str], bytes], type[EsoError]]] = [
    ((401, {}, b'{"message":"Bad credentials","detail":"canary"}'), AccessDeniedError),
    ((404, {}, b""), InvalidRequestError),
    ((429, {"Retry-After": "7"}, b"canary"), ThrottledError),
    ((500, {}, b"canary"), UnavailableError),
    ((302, {"Location": "http://127.0.0.1:1/canary"}, b""), InvalidRequestError),
    ((200, {}, b"canary, not JSON"), ProviderError),
    ((200, {}, b'["canary"]'), ProviderError),
    ((200, {}, b"{}"), ProviderError),
    ((200, {}, b'"canary' + b"x" * (2 << 20) + b'"'), ProviderError),
]


@pytest.mark.parametrize(("fault", "error"), FAULTS)
@pytest.mark.parametrize("kind", ["github", "gitlab", "grafana", "quay", "cloudsmith", "acr", "beyondtrust"])
def test_faults_become_errors_by_status_and_never_show_the_answer(
    kind: str, fault: tuple[int, dict[str, str], bytes], error: type[EsoError], caplog: pytest.LogCaptureFixture
) -> None:
    case: Any
    if kind == "github":
        case = Github()
        spec = case.spec
    elif kind == "gitlab":
        case = Gitlab()
        spec = case.spec
    elif kind == "grafana":
        case = GrafanaCase()
        spec = case.spec
    elif kind == "quay":
        case = quay()
        spec = lambda: {"url": case.vendor.host, "robotAccount": "o", "serviceAccountRef": {"name": "app"}}  # noqa: E731
    elif kind == "cloudsmith":
        case = RegistryCase(Cloudsmith(), CloudsmithAccessTokenGenerator())
        spec = lambda: cloudsmith_spec(case)  # noqa: E731
    elif kind == "acr":
        case = azure()
        spec = lambda: acr_spec(case, PRINCIPAL)  # noqa: E731
    else:
        case = beyondtrust()
        spec = lambda: beyondtrust_spec(case, "db")  # noqa: E731
    case.vendor.fault = fault
    with pytest.raises(error) as caught:
        against(case.vendor, lambda: case.bench.generate(case.generator, spec()))
    assert not isinstance(caught.value, NoSecretError)
    if isinstance(caught.value, ThrottledError):
        assert caught.value.retry_after == 7
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert "canary" not in shown
    # A vendor that redirects gets no second request with the credentials.
    assert len(case.vendor.seen) <= 1
