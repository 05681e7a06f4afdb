"""Yandex Lockbox over gRPC."""
