"""Webhooks: validate, change and convert objects on their way into the API server.

Kept out of `import reconcile`, because it needs `cryptography`.
"""

from reconcile.webhook.admission import (
    Admission,
    AdmissionWebhook,
    DeniedError,
    mutate_path,
    mutating,
    validate_path,
    validating,
)
from reconcile.webhook.certificates import CertificateBundle, CertificateError, Policy, check_serving, renewed
from reconcile.webhook.certs import CertificateRotator, ensure_certificates, inject_conversion_ca, inject_webhook_ca
from reconcile.webhook.conversion import ConversionWebhook
from reconcile.webhook.server import CertificateFiles, ServingCertificate, WebhookServer

__all__ = [
    "Admission",
    "AdmissionWebhook",
    "CertificateBundle",
    "CertificateError",
    "CertificateFiles",
    "CertificateRotator",
    "ConversionWebhook",
    "DeniedError",
    "Policy",
    "ServingCertificate",
    "WebhookServer",
    "check_serving",
    "ensure_certificates",
    "inject_conversion_ca",
    "inject_webhook_ca",
    "mutate_path",
    "mutating",
    "renewed",
    "validate_path",
    "validating",
]
