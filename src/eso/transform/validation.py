"""Rules an object must keep that a schema cannot say, for the webhook, and for the controllers where writing the target depends on them.

Every function is pure. It answers with all violations, in a fixed order, worded as External Secrets Operator words them:
people and policies match these texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from eso.api.duration import parse_duration
from eso.api.externalsecrets_v1.externalsecret import (
    ExternalSecret,
    ExternalSecretData,
    ExternalSecretDataFromRemoteRef,
    ExternalSecretTarget,
)
from eso.api.externalsecrets_v1.secretstore import ClusterSecretStoreCondition
from eso.api.externalsecrets_v1.template import ExternalSecretTemplate
from eso.transform.regexp import RegexpError, UserRegexp

__all__ = [
    "duration_violations",
    "external_secret_violations",
    "namespace_regex_violations",
    "privileged_template_violations",
    "targets_a_secret",
    "template_target_violations",
]

_TOKEN_TYPE: Final = "kubernetes.io/service-account-token"
_BOOTSTRAP_TYPE: Final = "bootstrap.kubernetes.io/token"
_TOKEN_ANNOTATION: Final = "kubernetes.io/service-account.name"
_SECRET_TARGETS: Final = frozenset({"", "data", "annotations", "labels"})


def external_secret_violations(external_secret: ExternalSecret | None) -> list[str]:
    """Everything that is wrong with an ExternalSecret; empty when it is fine."""
    if external_secret is None:
        return ["external secret cannot be nil during validation"]
    spec = external_secret.spec
    found = _policy_violations(spec.target)
    if not spec.data and not spec.data_from:
        found.append("either data or dataFrom should be specified")
    found += privileged_template_violations(spec.target.template)
    if targets_a_secret(spec.target):
        found += template_target_violations(spec.target.template)
    for entry in spec.data_from or ():
        found += _source_violations(entry)
    # Only a policy that is written down counts, as upstream: objects that no API server has defaulted are not refused.
    if "deletion_policy" in spec.target.model_fields_set and spec.target.deletion_policy == "Retain":
        found += _duplicate_violations(spec.data or ())
    return found


def privileged_template_violations(template: ExternalSecretTemplate | None) -> list[str]:
    """Why a template must not be rendered: it would make Kubernetes issue credentials for the resulting Secret."""
    if template is None:
        return []
    if template.type == _BOOTSTRAP_TYPE:
        return [f'template.type="{_BOOTSTRAP_TYPE}" is not allowed']
    if template.type != _TOKEN_TYPE:
        return []
    found = []
    if template.metadata is not None and _TOKEN_ANNOTATION in (template.metadata.annotations or {}):
        found.append(f'template.type="{_TOKEN_TYPE}" with annotation "{_TOKEN_ANNOTATION}" is not allowed')
    if any(source.target.lower() == "annotations" for source in template.template_from or ()):
        found.append(f'template.type="{_TOKEN_TYPE}" with templateFrom target="Annotations" is not allowed')
    return found


def template_target_violations(template: ExternalSecretTemplate | None) -> list[str]:
    """Which `templateFrom` entries write to a place that a Secret does not have."""
    sources = (template.template_from if template is not None else None) or ()
    return [
        f'templateFrom target="{source.target}" is not allowed when targeting a Secret, '
        'must be one of "Data", "Annotations" or "Labels"'
        for source in sources
        if source.target.lower() not in _SECRET_TARGETS
    ]


def targets_a_secret(target: ExternalSecretTarget) -> bool:
    """Whether the target is a Secret: no manifest, or one that names it."""
    return target.manifest is None or (target.manifest.api_version, target.manifest.kind) == ("v1", "Secret")


def duration_violations(external_secret: ExternalSecret) -> list[str]:
    """Which durations cannot be read. Upstream's webhook refuses such an object because it cannot decode it."""
    spec = external_secret.spec
    named = [("spec.refreshInterval", spec.refresh_interval)]
    if spec.sync_windows is not None:
        named += [
            (f"spec.syncWindows.windows[{index}].duration", window.duration)
            for index, window in enumerate(spec.sync_windows.windows)
        ]
    found = []
    for field, text in named:
        try:
            parse_duration(text)
        except ValueError as err:
            found.append(f"{field}: {err}")
    return found


def namespace_regex_violations(conditions: Iterable[ClusterSecretStoreCondition] | None) -> list[str]:
    """Which `conditions[].namespaceRegexes[]` of a store do not compile; indexes count from zero."""
    found = []
    for index, condition in enumerate(conditions or ()):
        for position, pattern in enumerate(condition.namespace_regexes or ()):
            try:
                UserRegexp(pattern)
            except RegexpError as err:
                found.append(f"failed to compile {position}th namespace regex in {index}th condition: {err}")
    return found


def _policy_violations(target: ExternalSecretTarget) -> list[str]:
    found = []
    if target.deletion_policy == "Delete" and target.creation_policy in ("Merge", "None", "CreateOrMerge"):
        found.append(
            "deletionPolicy=Delete must not be used when the controller doesn't own the secret. "
            "Please set creationPolicy=Owner"
        )
    if target.deletion_policy == "Merge" and target.creation_policy == "None":
        found.append("deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with")
    return found


def _source_violations(entry: ExternalSecretDataFromRemoteRef) -> list[str]:
    source = entry.source_ref
    generator = source.generator_ref if source is not None else None
    found = []
    if sum(each is not None for each in (entry.find, entry.extract, generator)) > 1:
        found.append("extract, find, or generatorRef cannot be set at the same time")
    if entry.find is None and entry.extract is None and source is None:
        found.append("either extract, find, or sourceRef must be set to dataFrom")
    if source is not None and source.generator_ref is None and source.store_ref is None:
        found.append("generatorRef or storeRef must be set when using sourceRef in dataFrom")
    return found


def _duplicate_violations(data: Sequence[ExternalSecretData]) -> list[str]:
    seen: set[str] = set()
    found = []
    for entry in data:
        if entry.secret_key in seen:
            found.append(f"duplicate secretKey found: {entry.secret_key}")
        seen.add(entry.secret_key)
    return found
