from __future__ import annotations

import asyncio
import base64
import stat
import sys
from pathlib import Path

import pytest

from reconcile.client.config import Config
from reconcile.client.credentials import TokenFile
from reconcile.client.surroundings import in_cluster_config, load_config
from reconcile.errors import ConfigError
from reconcile.testing.loop import run

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: kind
  cluster:
    server: https://127.0.0.1:6443/
    certificate-authority-data: {ca}
- name: files
  cluster: {{server: "https://files:6443", certificate-authority: pki/ca.crt, tls-server-name: api, proxy-url: "http://p"}}
- name: broken
  cluster: {{}}
contexts:
- name: dev
  context: {{cluster: kind, user: token, namespace: team}}
- name: files
  context: {{cluster: files, user: files}}
- name: basic
  context: {{cluster: kind, user: basic}}
- name: anonymous
  context: {{cluster: kind}}
- name: data
  context: {{cluster: kind, user: data}}
- name: no-server
  context: {{cluster: broken, user: token}}
- name: no-user
  context: {{cluster: kind, user: nobody}}
- name: plugin
  context: {{cluster: kind, user: plugin}}
users:
- name: token
  user: {{token: hunter2}}
- name: files
  user: {{client-certificate: pki/tls.crt, client-key: /abs/tls.key, tokenFile: token}}
- name: basic
  user: {{username: admin, password: hunter2}}
- name: data
  user: {{client-certificate-data: {ca}, client-key-data: {ca}}}
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: {plugin}
      interactiveMode: Never
"""
CA = base64.b64encode(b"PEM").decode()


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "config"
    path.write_text(KUBECONFIG.format(ca=CA, plugin=tmp_path / "plugin"))
    return str(path)


def authorization(config: Config) -> str:
    return asyncio.run(config.make_credentials().authorization())


def test_the_current_context(kubeconfig: str) -> None:
    config = load_config(kubeconfig)
    assert (config.server, config.namespace, config.ca_data) == ("https://127.0.0.1:6443", "team", b"PEM")
    assert authorization(config) == "Bearer hunter2"
    assert "hunter2" not in repr(config)


def test_paths_are_relative_to_the_file(kubeconfig: str, tmp_path: Path) -> None:
    config = load_config(kubeconfig, "files")
    assert config.ca_file == str(tmp_path / "pki" / "ca.crt")
    assert config.client_certificate_file == str(tmp_path / "pki" / "tls.crt")
    assert config.client_key_file == "/abs/tls.key"
    assert config.token_file == str(tmp_path / "token")
    assert (config.tls_server_name, config.proxy_url, config.namespace) == ("api", "http://p", "default")


def test_other_users(kubeconfig: str) -> None:
    basic = base64.b64encode(b"admin:hunter2").decode()
    assert authorization(load_config(kubeconfig, "basic")) == f"Basic {basic}"
    assert authorization(load_config(kubeconfig, "anonymous")) == ""
    data = load_config(kubeconfig, "data")
    assert (data.client_certificate_data, data.client_key_data) == (b"PEM", b"PEM")
    assert "PEM" not in repr(data)


def test_files_are_merged_and_the_first_wins(kubeconfig: str, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.write_text(
        "current-context: files\nusers: [{name: token, user: {token: other}}]\nclusters: null\ncontexts: []\n"
    )
    paths = f"{tmp_path / 'missing'}:{first}:{kubeconfig}"
    assert load_config(paths).server == "https://files:6443"
    assert authorization(load_config(paths, "dev")) == "Bearer other"


@pytest.mark.parametrize(
    ("content", "context", "message"),
    [
        (None, "no-server", "cluster 'broken' has no server"),
        (None, "no-user", "there is no user 'nobody' (known: basic"),
        (None, "absent", "there is no context 'absent'"),
        ("", None, "current-context is not set"),
        ("a: [hunter2", None, "this is not YAML"),
        ("[hunter2]", None, "this is not a kubeconfig"),
        ("clusters: [{cluster: {}}]", "x", "an entry of clusters has no name"),
    ],
)
def test_broken_files_say_what_is_wrong(
    kubeconfig: str, content: str | None, context: str | None, message: str
) -> None:
    if content is not None:
        Path(kubeconfig).write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_config(kubeconfig, context)
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(str(tmp_path / "nothing"))


def test_kubeconfigs_without_plugins_do_not_import_the_large_client(kubeconfig: str) -> None:
    code = (
        "import sys; from reconcile.client.surroundings import load_config; load_config(sys.argv[1]);"
        "sys.exit('kubernetes_asyncio' in sys.modules)"
    )

    async def story() -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, kubeconfig)
        return await process.wait()

    assert asyncio.run(story()) == 0


def service_account(directory: Path) -> None:
    (directory / "token").write_text("one\n")
    (directory / "ca.crt").write_text("PEM")
    (directory / "namespace").write_text("ns\n")


def test_in_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="not a Pod"):
        in_cluster_config(str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ConfigError, match="token is missing: automountServiceAccountToken"):
        in_cluster_config(str(tmp_path))
    service_account(tmp_path)
    config = in_cluster_config(str(tmp_path))
    assert (config.server, config.namespace) == ("https://[fd00::1]:443", "ns")
    assert config.token_file == str(tmp_path / "token")


def test_nothing_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="set KUBECONFIG"):
        load_config()


def test_a_rotated_token_is_read_within_a_minute_or_after_a_401(tmp_path: Path) -> None:
    path = tmp_path / "token"

    async def story() -> None:
        credentials = TokenFile(str(path))
        with pytest.raises(ConfigError, match="cannot be read"):
            await credentials.authorization()
        path.write_text("\n")
        with pytest.raises(ConfigError, match="is empty"):
            await credentials.authorization()
        path.write_text("one\n")
        assert await credentials.authorization() == "Bearer one"
        path.write_text("two")
        assert await credentials.authorization() == "Bearer one"
        await asyncio.sleep(61)
        assert await credentials.authorization() == "Bearer two"
        path.write_text("three")
        # Somebody else's 401, for a token that is not in use any more.
        credentials.expire("Bearer one")
        assert await credentials.authorization() == "Bearer two"
        credentials.expire("Bearer two")
        assert await credentials.authorization() == "Bearer three"
        # Between removal and replacement the old one is better than none.
        path.unlink()
        credentials.expire("Bearer three")
        assert await credentials.authorization() == "Bearer three"

    run(story())


PLUGIN = """#!/bin/sh
echo run >> {log}
echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {{"token": "from-plugin"}}}}'
"""


def test_exec_plugins_run_once_until_a_401(kubeconfig: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    plugin = tmp_path / "plugin"
    plugin.write_text(PLUGIN.format(log=log))
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)

    async def story() -> None:
        credentials = load_config(kubeconfig, "plugin").make_credentials()
        assert [await credentials.authorization() for _ in range(3)] == ["Bearer from-plugin"] * 3
        assert log.read_text().count("run") == 1
        credentials.expire("Bearer from-plugin")
        assert await credentials.authorization() == "Bearer from-plugin"
        assert log.read_text().count("run") == 2
        plugin.write_text("#!/bin/sh\necho hunter2 >&2\nexit 1\n")
        credentials.expire("Bearer from-plugin")
        with pytest.raises(ConfigError, match="context 'plugin'") as caught:
            await credentials.authorization()
        assert "hunter2" not in str(caught.value)

    asyncio.run(story())
