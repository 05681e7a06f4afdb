"""providers/beyondtrust.md, 4. PushSecret, against a server that speaks Password Safe's API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, InvalidSpecError, UnavailableError
from eso.providers.base import PushRemoteRef
from eso.providers.beyondtrust.provider import BeyondtrustProvider
from tests.support.passwordsafe import PasswordSafeCase, password_safe_case
from tests.support.providerbench import entry, source, told

CREDENTIAL = {"title": "new", "folder_name": " Apps ", "username": "ann"}
TEXT = {"title": "new", "folder_name": "Apps", "secret_type": "text"}
FILE = {"title": "new", "folder_name": "Apps", "secret_type": "FILE", "file_name": "a.pem"}
USER = {"OwnerId": 12, "Owner": "eso", "Email": "eso@acme.test"}
MEMBER = {"UserId": 12, "Name": "Operator", "Email": "eso@acme.test"}
URL = {"url": "https://db.example.com", "id": "b" * 8 + "-0000-0000-0000-" + "0" * 12}
OWNERS = [{"owner_id": 3, "owner": "bob", "group_id": 4, "user_id": 5, "name": "Bob", "email": "bob@acme.test"}]


@pytest.fixture
async def case() -> AsyncIterator[PasswordSafeCase]:
    async with password_safe_case() as found:
        yield found


@pytest.mark.parametrize(
    ("version", "metadata", "wanted"),
    [
        (
            "3.1",
            {**CREDENTIAL, "description": "d", "notes": "n", "urls": [URL], "group_id": 9, "owners": OWNERS},
            {
                "kind": "",
                "Title": "new",
                "Description": "d",
                "Notes": "n",
                "Urls": [{"Url": URL["url"], "Id": URL["id"]}],
                "Username": "ann",
                "Password": "canary<&>",
                "Owners": [
                    {"GroupId": 9, **MEMBER},
                    {"GroupId": 4, "UserId": 5, "Name": "Bob", "Email": "bob@acme.test"},
                ],
            },
        ),
        (
            "3.0",
            {**CREDENTIAL, "owner_type": "Group", "owner_id": 7, "owners": OWNERS},
            {
                "kind": "",
                "Title": "new",
                "Username": "ann",
                "Password": "canary<&>",
                "OwnerId": 7,
                "OwnerType": "Group",
                "Owners": [USER, {"OwnerId": 3, "Owner": "bob", "Email": "bob@acme.test"}],
            },
        ),
        (
            "3.0",
            {**TEXT, "owner_type": "User"},
            {"kind": "text", "Title": "new", "Text": "canary<&>", "OwnerType": "User", "Owners": [USER]},
        ),
        ("3.2", TEXT, {"kind": "text", "Title": "new", "Text": "canary<&>", "Owners": [MEMBER]}),
        (
            "3.2",
            {**FILE, "unknown": 1},
            {"kind": "file", "Title": "new", "FileName": "a.pem", "content": b"canary<&>", "Owners": [MEMBER]},
        ),
    ],
)
async def test_what_is_made(case: PasswordSafeCase, version: str, metadata: dict[str, Any], wanted: Any) -> None:
    async with case.lend(apiVersion=version) as client:
        await client.push_secret(source(k="canary<&>"), entry("ignored", "k", "ignored", metadata))
    assert case.safe.created == [wanted]
    assert case.safe.seen[1] == f"GET secrets-safe/folders/?version={version}"
    kind = f"/{wanted['kind']}" if wanted["kind"] else ""
    assert case.safe.seen[-1] == f"POST secrets-safe/folders/f-1/secrets{kind}?version={version}"
    assert [case.counted(call) for call in ("SignAppIn", "GetFolders", "CreateSecret")] == [1, 1, 1]


async def test_the_whole_secret_and_bytes(case: PasswordSafeCase) -> None:
    async with case.lend(apiVersion="3.1") as client:
        await client.push_secret(source(b="<2>", a="1"), entry("ignored", metadata=TEXT))
        await client.push_secret(source(k=b"\xff\x00"), entry("ignored", "k", metadata=FILE))
    assert case.safe.created[0]["Text"] == '{"a":"1","b":"<2>"}'
    assert case.safe.created[1]["content"] == b"\xff\x00"


@pytest.mark.parametrize("metadata", [CREDENTIAL, TEXT, FILE])
@pytest.mark.parametrize("version", ["3.1", "3.2"])
async def test_always_a_new_secret_but_never_the_same_one_again(
    case: PasswordSafeCase, metadata: Any, version: str
) -> None:
    for _ in range(2):  # also of an operator that was started anew
        async with case.lend(apiVersion=version) as client:
            await client.push_secret(source(k="canary-1"), entry("ignored", "k", metadata=metadata))
    assert len(case.safe.created) == 1
    async with case.lend(apiVersion=version) as client:
        await client.push_secret(source(k="canary-2"), entry("ignored", "k", metadata=metadata))
    assert len(case.safe.created) == 2


async def test_who_may_write_need_not_be_allowed_to_read(case: PasswordSafeCase) -> None:
    case.safe.writers_read = False
    async with case.lend(apiVersion="3.1") as client:
        await client.push_secret(source(k="canary"), entry("ignored", "k", metadata=CREDENTIAL))
        with pytest.raises(AccessDeniedError):
            await client.secret_exists(PushRemoteRef("new"))
    assert len(case.safe.created) == 1


@pytest.mark.parametrize(
    ("metadata", "version", "value", "text"),
    [
        (None, "3.1", "v", "metadata.title is needed"),
        ("text", "3.1", "v", "metadata: it is not an object"),
        ({**CREDENTIAL, "title": ""}, "3.1", "v", "metadata.title is needed"),
        ({**CREDENTIAL, "title": 5}, "3.1", "v", "title"),
        ({**CREDENTIAL, "folder_name": " "}, "3.1", "v", "metadata.folder_name is needed"),
        ({**CREDENTIAL, "folder_name": "None"}, "3.1", "v", "folder None was not found"),
        ({**CREDENTIAL, "username": ""}, "3.1", "v", "metadata.username is needed"),
        ({**FILE, "file_name": ""}, "3.1", "v", "metadata.file_name is needed"),
        ({**CREDENTIAL, "secret_type": "KEY"}, "3.1", "v", "unknown secret type"),
        ({**CREDENTIAL, "title": "x" * 257}, "3.1", "v", "metadata.title is longer than 256"),
        ({**CREDENTIAL, "description": "x" * 257}, "3.1", "v", "metadata.description is longer than 256"),
        ({**CREDENTIAL, "username": "x" * 257}, "3.1", "v", "metadata.username is longer than 256"),
        ({**CREDENTIAL, "notes": "x" * 4001}, "3.1", "v", "metadata.notes is longer than 4000"),
        ({**CREDENTIAL, "urls": [{"url": "nowhere"}]}, "3.1", "v", "metadata.urls"),
        ({**CREDENTIAL, "urls": [{"url": "https://[::1"}]}, "3.1", "v", "metadata.urls"),
        ({**CREDENTIAL, "urls": [{"url": "https://h", "id": "1"}]}, "3.1", "v", "urls.0.id"),
        ({**CREDENTIAL, "owners": "bob"}, "3.1", "v", "owners"),
        (CREDENTIAL, "3.1", "x" * 257, "password must have 1 to 256"),
        (CREDENTIAL, "3.1", "", "password must have 1 to 256"),
        (CREDENTIAL, "3.1", b"\xff", "password is not UTF-8"),
        (TEXT, "3.1", "x" * 4097, "text must have 1 to 4096"),
        (FILE, "3.1", b"x" * 5_000_001, "1 to 5000000 bytes"),
        (CREDENTIAL, "3.3", "v", "unsupported API version 3.3"),
        (CREDENTIAL, None, "v", "unsupported API version"),
        (CREDENTIAL, "3.0", "v", "owner_type must be User or Group"),
        ({**CREDENTIAL, "owner_type": "Group"}, "3.0", "v", "owner_id is needed"),
    ],
)
async def test_what_cannot_be_made(
    case: PasswordSafeCase, metadata: Any, version: str | None, value: str | bytes, text: str
) -> None:
    async with case.lend(apiVersion=version) as client:
        with pytest.raises((InvalidSpecError, InvalidRequestError), match=text):
            await client.push_secret(source(k=value), entry("ignored", "k", metadata=metadata))
    assert case.safe.created == []


@pytest.mark.parametrize(
    ("status", "error"), [(0, UnavailableError), (500, UnavailableError), (403, AccessDeniedError)]
)
async def test_a_write_that_failed_is_not_sent_again(
    case: PasswordSafeCase, status: int, error: type[EsoError], caplog: pytest.LogCaptureFixture
) -> None:
    case.safe.writers_read = False
    async with case.lend(apiVersion="3.1") as client:
        await client.push_secret(source(k="canary-1"), entry("ignored", "k", metadata=FILE))
        case.safe.statuses = [None, 403, status]  # of the list of folders, the search, and the write
        with pytest.raises(error) as caught:
            await client.push_secret(source(k="canary-2"), entry("ignored", "k", metadata=FILE))
    assert case.safe.statuses == []
    assert len(case.safe.created) == 1
    assert "canary" not in told(caught.value) + caplog.text


async def test_a_write_after_the_session_ended(case: PasswordSafeCase) -> None:
    async with case.lend(apiVersion="3.1") as client:
        await client.push_secret(source(k="canary-1"), entry("ignored", "k", metadata=FILE))
        case.safe.sessions.clear()
        await client.push_secret(source(k="canary-2"), entry("ignored", "k", metadata=FILE))
    assert [each["content"] for each in case.safe.created] == [b"canary-1", b"canary-2"]


async def test_exists_looks_for_the_remote_key_as_a_title(case: PasswordSafeCase) -> None:
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("db", "ignored"))
        assert not await client.secret_exists(PushRemoteRef("gone"))
        case.safe.statuses = [404]
        assert not await client.secret_exists(PushRemoteRef("db"))
        case.safe.statuses = [403]
        with pytest.raises(AccessDeniedError):
            await client.secret_exists(PushRemoteRef("db"))
    assert case.safe.seen[1] == "GET secrets-safe/secrets?title=db&decrypt=false"


async def test_delete_is_unsupported(case: PasswordSafeCase) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError):
            await client.delete_secret(PushRemoteRef("db"))


def test_a_push_is_not_looked_for_under_its_remote_key() -> None:
    # What it made is not there, and an account of that name would be checked out.
    assert not BeyondtrustProvider.reads_back
