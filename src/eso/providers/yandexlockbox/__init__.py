"""Yandex Lockbox over gRPC: `yandex.cloud.lockbox.v1.PayloadService`."""
