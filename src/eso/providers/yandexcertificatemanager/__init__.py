"""Yandex Certificate Manager over gRPC."""
