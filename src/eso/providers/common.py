"""Rules that providers share: properties, maps, push values and their metadata, and where references may point.

Source: the shared runtime of External Secrets Operator v2.9.0 (`esutils`, `metadata`).
"""

from __future__ import annotations

import logging
import types
import typing
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from eso.api.duration import parse_duration
from eso.api.meta_v1 import CAProvider, RetrySettings, SecretKeySelector, ServiceAccountSelector
from eso.errors import InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import PushEntry, SourceSecret
from eso.transform import property as properties
from eso.transform.gofloat import format_plain
from eso.transform.gojson import dumps
from eso.values import SecretMap, SecretValue, wrap_all

__all__ = [
    "check_ca_provider",
    "check_referent",
    "check_strict",
    "find_in_metadata",
    "find_property",
    "is_url",
    "parse_push_metadata",
    "pushed_value",
    "retry_policy",
    "select_property",
    "split_map",
    "whole_secret_json",
]

SpecT = TypeVar("SpecT", bound=BaseModel)
T = TypeVar("T")
Order = Literal["path", "escaped-first", "path-first"]

_LOG: Final = logging.getLogger(__name__)

_METADATA_VERSION: Final = "kubernetes.external-secrets.io/v1alpha1"
_METADATA_KIND: Final = "PushSecretMetadata"
_ELSEWHERE: Final = (
    "namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore"
)


def is_url(text: str, *, schemes: tuple[str, ...] = ("http", "https")) -> bool:
    """Whether a text is a URL with one of these schemes, a host, and a port that can be, if any."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def find_property(value: SecretValue | bytes, name: str, *, order: Order = "path") -> SecretValue | None:
    """A property of a JSON value, or None.

    Args:
        value: the secret.
        name: a GJSON path.
        order: what a dot means: part of a path; first literal, then path (`escaped-first`); or the reverse (`path-first`).
    """
    document = _bytes(value)
    if order == "escaped-first":
        found = properties.escaped_first(document, name)
    elif order == "path-first":
        found = properties.path_first(document, name)
    else:
        found = properties.value_at(document, name)
    return None if found is None else SecretValue(found)


def select_property(value: SecretValue | bytes, name: str, *, key: str = "", order: Order = "path") -> SecretValue:
    """The secret itself when no property is named, else that property; see `find_property`.

    Raises:
        NoSecretError: it has no such property.
    """
    if not name:
        return value if isinstance(value, SecretValue) else SecretValue(value)
    found = find_property(value, name, order=order)
    if found is None:
        raise NoSecretError(
            f"property {name} does not exist in secret {key}" if key else f"property {name} does not exist"
        )
    return found


def split_map(value: SecretValue | bytes, *, key: str = "") -> SecretMap:
    """The members of a JSON object as keys and values: strings unquoted, null empty, everything else as JSON text.

    Raises:
        ProviderError: it is not a JSON object.
    """
    try:
        return wrap_all(properties.split_map(_bytes(value)))
    except ValueError as err:
        raise ProviderError(f"unable to unmarshal secret {key}: {err}" if key else str(err)) from None


def whole_secret_json(source: SourceSecret) -> SecretValue:
    """All keys of a Secret as one JSON object of strings, without HTML escaping; what a push without `secretKey` sends."""
    return SecretValue(dumps({key: value.reveal() for key, value in source.data.items()}, escape_html=False))


def pushed_value(source: SourceSecret, entry: PushEntry) -> SecretValue:
    """The value an entry pushes: of its key, or the whole Secret when it names none.

    Raises:
        ProviderError: the Secret has no such key.
    """
    if not entry.secret_key:
        return whole_secret_json(source)
    if entry.secret_key not in source.data:
        raise ProviderError(f"secret key {entry.secret_key} does not exist")
    return source.data[entry.secret_key]


def parse_push_metadata(metadata: Any, spec_type: type[SpecT]) -> SpecT | None:
    """The options in `data[].metadata`, or None when there are none.

    Field names match without regard to case; unknown ones are refused. Where a text belongs, `1` and `true` are texts too.

    Args:
        metadata: decoded JSON, or None.
        spec_type: model of `spec`.

    Raises:
        InvalidSpecError: the envelope or its spec is wrong; the text names the field.
    """
    if metadata is None:
        return None
    prefix = f"failed to parse {_METADATA_VERSION} {_METADATA_KIND}"
    if not isinstance(metadata, Mapping):
        raise InvalidSpecError(f"{prefix}: it is not an object")
    envelope = {name.lower(): value for name, value in metadata.items()}
    unknown = [name for name in metadata if name.lower() not in ("apiversion", "kind", "spec")]
    if unknown:
        raise InvalidSpecError(f'{prefix}: unknown field "{unknown[0]}"')
    version, kind = envelope.get("apiversion", ""), envelope.get("kind", "")
    if version != _METADATA_VERSION:
        raise InvalidSpecError(f'unexpected apiVersion "{version}", expected "{_METADATA_VERSION}"')
    if kind != _METADATA_KIND:
        raise InvalidSpecError(f'unexpected kind "{kind}", expected "{_METADATA_KIND}"')
    try:
        return spec_type.model_validate(_known_only(spec_type, envelope.get("spec") or {}, "spec"))
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidSpecError(f"{prefix}: spec.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as err:
        raise InvalidSpecError(f"{prefix}: {err}") from None


def _known_only(annotation: Any, value: Any, path: str) -> Any:
    """The value with its field names spelled as the model spells them; unknown ones raise ValueError.

    As in ESO, a null counts as absent, and where a text belongs a number or a truth value is taken as it is written.
    """
    annotation = _unwrapped(annotation)
    if annotation is str:
        return _as_text(value)
    kind, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if kind is list and isinstance(value, list):
        return [_known_only(arguments[0], item, f"{path}[{at}]") for at, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if kind is dict:
        return {key: _known_only(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if not isinstance(annotation, type) or not issubclass(annotation, BaseModel):
        return value
    fields = {
        (field.alias or name).lower(): (field.alias or name, field) for name, field in annotation.model_fields.items()
    }
    found: dict[str, Any] = {}
    for name, item in value.items():
        if name.lower() not in fields:
            raise ValueError(f'unknown field "{path}.{name}"')
        alias, field = fields[name.lower()]
        if item is not None:
            found[alias] = _known_only(field.annotation, item, f"{path}.{alias}")
    return found


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return format_plain(value)
    return str(value) if isinstance(value, int) else value


def _unwrapped(annotation: Any) -> Any:
    """The type behind Annotated and Optional."""
    while typing.get_origin(annotation) in (typing.Annotated, typing.Union, types.UnionType):
        candidates = [part for part in typing.get_args(annotation) if part is not type(None)]
        annotation = candidates[0]
    return annotation


def find_in_metadata(metadata: Any, key: str, default: T, kind: type[T]) -> T:
    """One key of free-form metadata: at the top, else in the nested objects in the order of their names.

    A value of another type counts as an empty one, because ESO takes manifests that have one; the log says so.

    Args:
        metadata: decoded JSON, or None.
        key: what to look for.
        default: answer when it is nowhere.
        kind: type it should have; its call makes the empty value.

    Raises:
        InvalidSpecError: the metadata is not an object.
    """
    if metadata is None:
        return default
    if not isinstance(metadata, Mapping):
        raise InvalidSpecError("failed to parse JSON raw data: it is not an object")
    holder = _holder(metadata, key)
    if holder is None:
        return default
    found = holder[key]
    if not isinstance(found, kind):
        _LOG.warning(
            "%s in the metadata of an entry is no %s and counts as empty; correct its type", key, kind.__name__
        )
        return kind()
    return found


def _holder(metadata: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    if key in metadata:
        return metadata
    nested = (metadata[name] for name in sorted(metadata) if isinstance(metadata[name], Mapping))
    return next((holder for holder in (_holder(inner, key) for inner in nested) if holder is not None), None)


def check_strict(
    selector: SecretKeySelector | ServiceAccountSelector | None, *, store_kind: str, store_namespace: str
) -> None:
    """A cluster store must say in which namespace, a namespaced one may not point elsewhere.

    Raises:
        InvalidSpecError: the selector breaks the rule.
    """
    if selector is not None and store_kind == "ClusterSecretStore" and selector.namespace is None:
        raise InvalidSpecError("cluster scope requires namespace")
    check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)


def check_referent(
    selector: SecretKeySelector | ServiceAccountSelector | None, *, store_kind: str, store_namespace: str
) -> None:
    """As `check_strict`, but a cluster store may leave the namespace out: then the consumer's counts.

    Raises:
        InvalidSpecError: the selector points elsewhere.
    """
    if selector is None or store_kind == "ClusterSecretStore" or selector.namespace is None:
        return
    if selector.namespace != store_namespace:
        raise InvalidSpecError(_ELSEWHERE)


def check_ca_provider(ca: CAProvider | None, *, store_kind: str, store_namespace: str) -> None:
    """The namespace rule of `caProvider`.

    Raises:
        InvalidSpecError: a cluster store names no namespace, or a namespaced one another namespace.
    """
    if ca is None:
        return
    if store_kind == "ClusterSecretStore":
        if ca.namespace is None:
            raise InvalidSpecError("missing namespace on caProvider secret")
    elif ca.namespace is not None and ca.namespace != store_namespace:
        raise InvalidSpecError(_ELSEWHERE)


def retry_policy(settings: RetrySettings | None, *, retries: int, interval: float) -> tuple[int, float]:
    """Retries and seconds between them, from `spec.retrySettings`.

    Args:
        settings: of the store; None when absent.
        retries: where it does not say.
        interval: seconds, where it does not say.

    Raises:
        InvalidSpecError: the interval is not a duration.
    """
    if settings is None:
        return retries, interval
    wanted = retries if settings.max_retries is None else max(0, settings.max_retries)
    if not settings.retry_interval:
        return wanted, interval
    try:
        return wanted, parse_duration(settings.retry_interval)
    except ValueError as err:
        raise InvalidSpecError(f"spec.retrySettings.retryInterval: {err}") from err


def _bytes(value: SecretValue | bytes) -> bytes:
    return value.reveal() if isinstance(value, SecretValue) else value
