"""What each flag is for; the text of `--help`."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CERTCONTROLLER",
    "CERTCONTROLLER_DURATIONS",
    "CONTROLLER",
    "CONTROLLER_ALIASES",
    "CONTROLLER_DURATIONS",
    "METRICS",
    "WEBHOOK",
    "WEBHOOK_DURATIONS",
]

METRICS: Final = {
    "metrics_addr": "address of the metrics listener; 0 switches it off",
    "metrics_secure": "serve metrics over HTTPS",
    "metrics_auth": "authenticate and authorise scrapes by TokenReview and SubjectAccessReview; needs --metrics-secure",
    "metrics_cert_dir": "folder of the metrics certificate; self-signed in memory when empty",
    "metrics_cert_name": "file name of the metrics certificate",
    "metrics_key_name": "file name of the metrics key",
}

_COMMON: Final = {
    "loglevel": "debug, info, warn, error, dpanic, panic or fatal",
    "zap_time_encoding": "epoch, millis, nano, iso8601, rfc3339 or rfc3339nano",
    "enable_http2": "accepted for compatibility; the servers speak HTTP/1.1",
}

CONTROLLER: Final = {
    **METRICS,
    **_COMMON,
    "live_addr": "address of the health listener",
    "controller_class": "handle stores whose spec.controller is empty or this",
    "enable_leader_election": "run several replicas of which one works",
    "leader_election_id": "name of the Lease",
    "leader_election_lease_duration": "how long others wait before they take over",
    "leader_election_renew_deadline": "how long the leader tries to renew before it ends",
    "leader_election_retry_period": "pause between two tries",
    "concurrent": "reconciles in flight per controller",
    "client_qps": "requests a second to the API server; 0 leaves pacing to the server",
    "client_burst": "requests that may be made at once above --client-qps",
    "namespace": "watch only this namespace",
    "enable_secret_store_reconciler": "validate SecretStores",
    "enable_cluster_store_reconciler": "validate ClusterSecretStores; off also leaves out ExternalSecrets that use them",
    "enable_cluster_external_secret_reconciler": "handle ClusterExternalSecrets",
    "enable_push_secret_reconciler": "handle PushSecrets",
    "enable_cluster_push_secret_reconciler": "handle ClusterPushSecrets",
    "enable_secrets_caching": "keep every Secret in memory",
    "enable_configmaps_caching": "keep every ConfigMap in memory",
    "enable_managed_secrets_caching": "keep Secrets that this operator manages in memory",
    "enable_secret_api_read_on_cache_mismatch": "read a Secret from the API server when the caches disagree about it",
    "store_requeue_interval": "how often a store is validated",
    "enable_flood_gate": "let ExternalSecrets wait until their store is Ready",
    "enable_generator_state": "keep account of what generators leave behind",
    "enable_extended_metric_labels": "add the app.kubernetes.io labels of objects to their metrics",
    "unsafe_allow_generic_targets": "allow spec.target.manifest: targets that are not Secrets",
    "generator_gc_grace_period": "how long a superseded generated credential stays valid",
    "template_left_delimiter": "opens an action in templates",
    "template_right_delimiter": "closes an action in templates",
    "enable_vault_token_cache": "share Vault logins between objects",
    "vault_token_cache_size": "Vault logins kept at most",
    "pulumi_oidc_cache_size": "Pulumi tokens kept at most",
    "enable_doppler_oidc_cache": "share Doppler logins between objects",
    "doppler_oidc_cache_size": "Doppler logins kept at most",
    "doppler_etag_cache_size": "Doppler answers kept at most",
    "mysterybox_tokens_cache_size": "Nebius tokens kept at most",
    "mysterybox_connections_cache_size": "Nebius connections kept at most",
    "all_in_one": "serve the webhook and keep its certificate in this process as well",
    "webhook_port": "port of the admission server of --all-in-one",
    "webhook_service_name": "Service of the admission server of --all-in-one, in the operator's namespace",
    "webhook_secret_name": "Secret with the certificate of --all-in-one, in the operator's namespace",
}
CONTROLLER_DURATIONS: Final = (
    "leader_election_lease_duration",
    "leader_election_renew_deadline",
    "leader_election_retry_period",
    "store_requeue_interval",
    "generator_gc_grace_period",
)
CONTROLLER_ALIASES: Final = {
    "enable_vault_token_cache": "--experimental-enable-vault-token-cache",
    "vault_token_cache_size": "--experimental-vault-token-cache-size",
    "enable_doppler_oidc_cache": "--experimental-enable-doppler-oidc-cache",
    "doppler_oidc_cache_size": "--experimental-doppler-oidc-cache-size",
}
"""Deprecated names, and those of options that are no experiment here."""

WEBHOOK: Final = {
    **METRICS,
    **_COMMON,
    "healthz_addr": "address of the health listener",
    "port": "port of the admission server",
    "dns_name": "name that the serving certificate must carry",
    "cert_dir": "folder with tls.crt, tls.key and ca.crt",
    "check_interval": "how often the certificate is checked",
    "lookahead_interval": "the certificate must still be valid after this time",
    "tls_ciphers": "comma separated IANA names; empty leaves the choice to TLS",
    "tls_min_version": "1.2 or 1.3; 1.0 and 1.1 are accepted and mean 1.2",
}
WEBHOOK_DURATIONS: Final = ("check_interval", "lookahead_interval")

CERTCONTROLLER: Final = {
    **METRICS,
    **_COMMON,
    "healthz_addr": "address of the health listener",
    "service_name": "Service of the webhook",
    "service_namespace": "namespace of that Service",
    "secret_name": "Secret with the certificate",
    "secret_namespace": "namespace of that Secret",
    "crd_names": "CustomResourceDefinitions whose conversion webhook is kept",
    "enable_partial_cache": "watch only what carries the operator's component label",
    "enable_leader_election": "run several replicas of which one works",
    "crd_requeue_interval": "how often everything is checked again",
}
CERTCONTROLLER_DURATIONS: Final = ("crd_requeue_interval",)
