"""What happens to keys and values between the provider and the target: rewrite, convert, check, decode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from eso.api.externalsecrets_v1.externalsecret import (
    ExternalSecretDataFromRemoteRef,
    ExternalSecretDataRemoteRef,
    ExternalSecretFind,
)
from eso.errors import EsoError, InvalidSpecError
from eso.transform.conversion import convert_keys
from eso.transform.decoding import decode_all
from eso.transform.keys import check_null_bytes_in, valid_keys
from eso.transform.rewrite import TemplateCompiler, rewrite

__all__ = ["DataMap", "rewritten", "shaped", "with_valid_keys"]

DataMap = dict[str, bytes]
T = TypeVar("T")


def shaped(
    entry: ExternalSecretDataFromRemoteRef,
    data: DataMap,
    strategies: ExternalSecretFind | ExternalSecretDataRemoteRef,
    compile_template: TemplateCompiler,
) -> DataMap:
    """The data of a `find` or `extract` entry as it enters the target.

    Keys are converted only when nothing rewrites them.

    Raises:
        InvalidSpecError: a step cannot work; the message names it, and keys, never values.
    """
    data = rewritten(entry, data, compile_template)
    if not entry.rewrite:
        strategy = strategies.conversion_strategy or "Default"
        data = _step(f"error applying conversion strategy {strategy} to keys", lambda: convert_keys(data, strategy))
    checked = with_valid_keys(data)
    decoding = strategies.decoding_strategy or "None"
    decoded = _step(f"error applying decoding strategy {decoding} to data", lambda: decode_all(checked, decoding))
    check_null_bytes_in(decoded, strategies.null_byte_policy or "Ignore")
    return decoded


def rewritten(entry: ExternalSecretDataFromRemoteRef, data: DataMap, compile_template: TemplateCompiler) -> DataMap:
    """The data after `rewrite`.

    Raises:
        InvalidSpecError: an operation cannot work.
    """
    operations = entry.rewrite
    if not operations:
        return data
    return _step("error applying rewrite to keys", lambda: rewrite(operations, data, compile_template))


def with_valid_keys(data: DataMap) -> DataMap:
    """The data, if a Secret can have its keys.

    Raises:
        InvalidSpecError: it cannot; the message names the first such key.
    """
    text = "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)"
    return _step(text, lambda: valid_keys(data))


def _step(what: str, run: Callable[[], T]) -> T:
    try:
        return run()
    except EsoError as err:
        raise InvalidSpecError(f"{what}: {err}") from err
