"""The certificate that metrics are served with; imported with `--metrics-secure` only, for `cryptography` takes 8 MB."""

from __future__ import annotations

import ssl
from datetime import datetime

from eso.settings import MetricsSettings
from reconcile.webhook.certificates import CertificateBundle, Policy, renewed
from reconcile.webhook.server import CertificateFiles, ServingCertificate

__all__ = ["serving_certificate"]


def serving_certificate(settings: MetricsSettings, now: datetime) -> tuple[ssl.SSLContext, CertificateFiles | None]:
    """The certificate in the folder of the flags and what follows its files, or one made now.

    Raises:
        CertificateError: the files are missing or do not fit.
    """
    serving = ServingCertificate()
    if settings.metrics_cert_dir:
        names = (settings.metrics_cert_name, settings.metrics_key_name, "ca.crt")
        files = CertificateFiles(settings.metrics_cert_dir, serving, names=names)
        serving.load(files.read())
        return serving.context, files
    serving.load(renewed(CertificateBundle(), Policy("external-secrets", ["localhost"]), now))
    return serving.context, None
