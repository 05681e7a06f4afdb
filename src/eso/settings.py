"""The operator's configuration: every flag of the three processes, as one frozen value each.

Names are the flags of External Secrets Operator v2.9.0 without the dashes in front. A default that differs from it stands
in docs/differences.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["CertControllerSettings", "ControllerSettings", "MetricsSettings", "WebhookSettings"]

DEFAULT_REQUEUE: Final = 3600.0
"""Seconds until a refresh when an object names no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """The metrics listener, the same in every process."""

    metrics_addr: str = ":8080"
    metrics_secure: bool = False
    metrics_auth: bool = False
    metrics_cert_dir: str = ""
    metrics_cert_name: str = "tls.crt"
    metrics_key_name: str = "tls.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    """`eso controller`. Durations are seconds."""

    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    live_addr: str = ":8082"
    controller_class: str = "default"
    enable_leader_election: bool = False
    leader_election_id: str = "external-secrets-controller"
    leader_election_lease_duration: float = 15.0
    leader_election_renew_deadline: float = 10.0
    leader_election_retry_period: float = 2.0
    concurrent: int = 32
    client_qps: float = 0.0
    client_burst: int = 0
    loglevel: str = "info"
    zap_time_encoding: str = "epoch"
    namespace: str = ""
    enable_secret_store_reconciler: bool = True
    enable_cluster_store_reconciler: bool = True
    enable_cluster_external_secret_reconciler: bool = True
    enable_push_secret_reconciler: bool = True
    enable_cluster_push_secret_reconciler: bool = True
    enable_secrets_caching: bool = False
    enable_configmaps_caching: bool = False
    enable_managed_secrets_caching: bool = True
    enable_secret_api_read_on_cache_mismatch: bool = True
    store_requeue_interval: float = 300.0
    enable_flood_gate: bool = True
    enable_generator_state: bool = True
    enable_extended_metric_labels: bool = False
    enable_http2: bool = False
    unsafe_allow_generic_targets: bool = False
    generator_gc_grace_period: float = 120.0
    template_left_delimiter: str = "{{"
    template_right_delimiter: str = "}}"
    enable_vault_token_cache: bool = True
    vault_token_cache_size: int = 262144
    pulumi_oidc_cache_size: int = 262144
    doppler_oidc_cache_size: int = 262144
    enable_doppler_oidc_cache: bool = True
    doppler_etag_cache_size: int = 16384
    mysterybox_tokens_cache_size: int = 4096
    mysterybox_connections_cache_size: int = 128
    all_in_one: bool = False
    webhook_port: int = 10250
    webhook_service_name: str = "external-secrets-webhook"
    webhook_secret_name: str = "external-secrets-webhook"

    def options(self) -> dict[str, object]:
        """The flags that providers and generators may read."""
        return {
            "enable-vault-token-cache": self.enable_vault_token_cache,
            "vault-token-cache-size": self.vault_token_cache_size,
            "pulumi-oidc-cache-size": self.pulumi_oidc_cache_size,
            "enable-doppler-oidc-cache": self.enable_doppler_oidc_cache,
            "doppler-oidc-cache-size": self.doppler_oidc_cache_size,
            "doppler-etag-cache-size": self.doppler_etag_cache_size,
            "mysterybox-tokens-cache-size": self.mysterybox_tokens_cache_size,
            "mysterybox-connections-cache-size": self.mysterybox_connections_cache_size,
            "controller-class": self.controller_class,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """`eso webhook`. Durations are seconds."""

    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    healthz_addr: str = ":8081"
    port: int = 10250
    dns_name: str = "localhost"
    cert_dir: str = "/tmp/k8s-webhook-server/serving-certs"
    check_interval: float = 300.0
    lookahead_interval: float = 2160 * 3600.0
    tls_ciphers: str = ""
    tls_min_version: str = "1.2"
    enable_http2: bool = False
    loglevel: str = "info"
    zap_time_encoding: str = "epoch"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertControllerSettings:
    """`eso certcontroller`. Durations are seconds."""

    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    healthz_addr: str = ":8081"
    service_name: str = "external-secrets-webhook"
    service_namespace: str = "default"
    secret_name: str = "external-secrets-webhook"
    secret_namespace: str = "default"
    crd_names: tuple[str, ...] = (
        "externalsecrets.external-secrets.io",
        "clustersecretstores.external-secrets.io",
        "secretstores.external-secrets.io",
    )
    enable_partial_cache: bool = False
    enable_leader_election: bool = False
    crd_requeue_interval: float = 300.0
    enable_http2: bool = False
    loglevel: str = "info"
    zap_time_encoding: str = "epoch"
