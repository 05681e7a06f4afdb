"""What messages say about a refusal of a store's API server."""

from __future__ import annotations

from typing import Any

import pytest

from eso.providers.kubeconnection import error_of
from reconcile.errors import APIError, InvalidError, NotFoundError


@pytest.mark.parametrize(
    ("kind", "details", "said"),
    [
        (
            NotFoundError,
            {"kind": "namespaces", "name": "apps"},
            "writing: the API server answered 404 (namespaces apps)",
        ),
        (NotFoundError, {}, "writing: the API server answered 404"),
        (
            InvalidError,
            {"causes": [{"field": "metadata.name"}, {"field": "data[a b]"}, {"field": "metadata.name"}]},
            "writing: the API server answered 422 (metadata.name, data[a b])",
        ),
        (
            InvalidError,
            {"causes": [{"field": "<script>"}, {"message": "hunter2"}]},
            "writing: the API server answered 422",
        ),
    ],
)
def test_a_message_names_what_is_wrong_and_no_value(kind: type[APIError], details: dict[str, Any], said: str) -> None:
    status = 404 if kind is NotFoundError else 422
    assert str(error_of(kind("hunter2", status=status, details=details), "writing")) == said
