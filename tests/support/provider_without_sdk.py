"""A provider whose SDK is not installed."""

import an_sdk_that_is_not_installed  # type: ignore[import-not-found]  # noqa: F401
