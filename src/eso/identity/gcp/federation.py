"""External accounts of Google: which configurations are allowed, and where their subject tokens come from.

A configuration may be written by somebody who may not read what the operator can: whatever it names is checked before it is used.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp

from eso.errors import InvalidSpecError
from eso.identity.gcp.endpoints import is_endpoint
from eso.identity.gcp.http import answer_to
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = [
    "AWS_TOKEN",
    "JWT",
    "AWSKeys",
    "ExternalAccount",
    "aws_subject",
    "external_account",
    "subject_of",
    "with_audience",
]

AWS_TOKEN: Final = "urn:ietf:params:aws:token-type:aws4_request"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"

_AUTOMOUNTED: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_IMPERSONATION: Final = re.compile(r"projects/-/serviceAccounts/([^/:]+@[^/:]+):generateAccessToken")
_IMDS_HOSTS: Final = ("169.254.169.254", "fd00:ec2::254")
_SUBJECT: Final = "reading the subject token of the external account"
_LONGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """A configuration that passed the checks.

    Attributes:
        token_url: empty for Google's own.
        impersonated: email of the Google service account; empty for none.
        source: `credential_source`.
    """

    audience: str
    subject_token_type: str
    token_url: str
    impersonated: str
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AWSKeys:
    """Credentials of AWS and the region whose STS proves them."""

    region: str
    key_id: str
    secret: SecretValue
    session: SecretValue | None = None


def external_account(document: str, endpoint: str, universe: str) -> ExternalAccount:
    """Parse and check a configuration.

    Args:
        document: JSON.
        endpoint: the only URL a token may be fetched from.
        universe: domain of the services of Google that the token may be sent to.

    Raises:
        InvalidSpecError: it is not an external account, or names what is not allowed.
    """
    try:
        info = loads(document)
    except ValueError:
        raise InvalidSpecError("credConfig is not JSON") from None
    if not isinstance(info, dict) or info.get("type") != "external_account":
        raise InvalidSpecError("credConfig must be a credential configuration of type external_account")
    source = info.get("credential_source")
    if not isinstance(source, dict):
        raise InvalidSpecError("credConfig has no credential_source")
    named = _text(info, "universe_domain")
    if named not in ("", universe):
        raise InvalidSpecError(f"credConfig.universe_domain is not {universe}, where the operator works")
    token_url = _text(info, "token_url")
    for name, url, path in (
        ("token_url", token_url, "/v1/token"),
        ("token_info_url", _text(info, "token_info_url"), "/v1/introspect"),
    ):
        if url and not (url.endswith(path) and is_endpoint(url.removesuffix(path), "sts", universe)):
            raise InvalidSpecError(
                f"credConfig.{name} must be https://sts.{universe}{path}, or its form for mutual TLS or for a region"
            )
    return ExternalAccount(
        audience=_text(info, "audience"),
        subject_token_type=_text(info, "subject_token_type") or JWT,
        token_url="" if token_url == f"https://sts.{universe}/v1/token" else token_url,
        impersonated=_impersonated(_text(info, "service_account_impersonation_url"), universe),
        source=_checked_source(source, endpoint),
    )


def _impersonated(url: str, universe: str) -> str:
    """The account that an impersonation URL is for; empty when there is no URL."""
    if not url:
        return ""
    base, _, path = url.partition("/v1/")
    match = _IMPERSONATION.fullmatch(path)
    if match is None or not is_endpoint(base, "iamcredentials", universe):
        raise InvalidSpecError(
            "credConfig.service_account_impersonation_url must be the generateAccessToken URL of a service account"
            f" at iamcredentials.{universe}"
        )
    return match[1]


def _checked_source(source: Mapping[str, Any], endpoint: str) -> Mapping[str, Any]:
    if source.get("executable") is not None:
        raise InvalidSpecError("credConfig.credential_source.executable is not allowed")
    if _text(source, "environment_id"):
        for name in ("region_url", "url", "imdsv2_session_token_url"):
            url = _text(source, name)
            if url and _host(url) not in _IMDS_HOSTS:
                raise InvalidSpecError(f"credConfig.credential_source.{name} must be a metadata service of AWS")
        return source
    url = _text(source, "url")
    if url and url != endpoint:
        raise InvalidSpecError("credConfig.credential_source.url must equal externalTokenEndpoint")
    kept = {key: value for key, value in source.items() if key != "file" or value != _AUTOMOUNTED}
    if not url and not _text(kept, "file"):
        raise InvalidSpecError("credConfig.credential_source names no source that may be used")
    return kept


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def subject_of(account: ExternalAccount, http: aiohttp.ClientSession, now: datetime) -> SecretValue:
    """The subject token, from where the configuration says.

    Raises:
        InvalidSpecError: the source cannot be read or holds no token.
        ProviderError: the endpoint failed.
    """
    source = account.source
    if _text(source, "environment_id"):
        return aws_subject(await _machine_keys(source, http), account.audience, now)
    file = _text(source, "file")
    if file:
        return _token_in(await asyncio.to_thread(_read, file), source)
    headers = source.get("headers")
    sent = {str(key): str(value) for key, value in headers.items()} if isinstance(headers, dict) else None
    answer = await answer_to(http, "GET", _text(source, "url"), _SUBJECT, headers=sent)
    if answer.status != 200:
        raise answer.error(_SUBJECT)
    return _token_in(answer.text, source)


def _read(file: str) -> str:
    try:
        # However it is spelled: /var/run is a link on most systems, and so is the mounted file.
        if os.path.realpath(file) == os.path.realpath(_AUTOMOUNTED):
            raise InvalidSpecError("credConfig.credential_source.file is the operator's own token: it is not allowed")
        with Path(file).open("rb") as opened:
            return opened.read(_LONGEST).decode("utf-8", "replace")
    except OSError as err:
        raise InvalidSpecError(f"credConfig.credential_source.file cannot be read: {err.strerror}") from err
    except ValueError:
        raise InvalidSpecError("credConfig.credential_source.file is not a path") from None


def _token_in(text: str, source: Mapping[str, Any]) -> SecretValue:
    form = source.get("format")
    if not isinstance(form, dict) or form.get("type") != "json":
        return SecretValue(text.strip())
    try:
        found = loads(text).get(_text(form, "subject_token_field_name"))
    except (ValueError, AttributeError):
        found = None
    if not isinstance(found, str) or not found:
        raise InvalidSpecError("the source of the subject token holds no token under subject_token_field_name")
    return SecretValue(found)


async def _machine_keys(source: Mapping[str, Any], http: aiohttp.ClientSession) -> AWSKeys:
    """Keys of the role of an AWS machine. Source: Google's AIP-4117, "AWS credential"."""
    headers: dict[str, str] = {}
    session_url = _text(source, "imdsv2_session_token_url")
    if session_url:
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        answer = await answer_to(http, "PUT", session_url, _SUBJECT, headers=lifetime)
        if answer.status != 200:
            raise answer.error(_SUBJECT)
        headers["X-aws-ec2-metadata-token"] = answer.text

    async def get(url: str) -> Any:
        answer = await answer_to(http, "GET", url, _SUBJECT, headers=headers, timeout=5.0)
        if answer.status != 200:
            raise answer.error(_SUBJECT)
        return answer

    zone = (await get(_text(source, "region_url"))).text
    url = _text(source, "url").rstrip("/")
    role = (await get(url)).text.strip()
    keys = (await get(f"{url}/{quote(role, safe='')}")).content
    return AWSKeys(
        zone.rstrip("abcdefghijklmnopqrstuvwxyz"),
        _text(keys, "AccessKeyId"),
        SecretValue(_text(keys, "SecretAccessKey")),
        SecretValue(_text(keys, "Token")) if keys.get("Token") else None,
    )


def aws_subject(keys: AWSKeys, audience: str, now: datetime) -> SecretValue:
    """A signed request to AWS STS that only Google sends. Source: AIP-4117 and AWS Signature Version 4.

    Args:
        keys: sign it.
        audience: of the workload identity pool; part of the signature.
        now: aware, UTC.
    """
    host = f"sts.{keys.region}.amazonaws.com"
    query = "Action=GetCallerIdentity&Version=2011-06-15"
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-date": moment, "x-goog-cloud-target-resource": audience}
    if keys.session is not None:
        headers["x-amz-security-token"] = keys.session.reveal_text()
    signed = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n{query}\n{lines}\n{signed}\n{hashlib.sha256(b'').hexdigest()}"
    scope = f"{moment[:8]}/{keys.region}/sts/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + keys.secret.reveal()
    for part in (moment[:8], keys.region, "sts", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
    )
    request = {
        "url": f"https://{host}?{query}",
        "method": "POST",
        "headers": [{"key": name, "value": value} for name, value in sorted(headers.items())],
    }
    return SecretValue(quote(json.dumps(request), safe=""))


def with_audience(account: ExternalAccount, audience: str) -> ExternalAccount:
    """The account with another audience where one is given."""
    return replace(account, audience=audience) if audience else account


def _text(holder: Mapping[str, Any], name: str) -> str:
    found = holder.get(name)
    return found if isinstance(found, str) else ""
