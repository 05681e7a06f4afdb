"""Yandex Certificate Manager over gRPC: `yandex.cloud.certificatemanager.v1.CertificateContentService`."""
