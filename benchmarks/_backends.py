"""Backends of the provider benchmark, each in a process of its own, so that the operator's CPU is measured alone.

    python -m benchmarks._backends webhook|aws|kubernetes|delay ...

prints where it listens as one line of JSON and runs until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import aiohttp
from aiohttp import web


@contextmanager
def running(*arguments: str) -> Iterator[Any]:
    """Start one and give what it said."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._backends", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the backend {arguments[0]} did not start")
        yield json.loads(line)
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


async def until_told(said: object) -> None:
    print(json.dumps(said), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def serve(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def webhook() -> None:
    """Answers `/v/<key>` with a JSON object."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"value": f"value of {request.match_info['key']}"})

    app = web.Application()
    app.router.add_get("/v/{key}", answer)
    runner, url = await serve(app)
    await until_told({"url": url})
    await runner.cleanup()


async def kubernetes(count: int) -> None:
    """The embedded API server with that many Secrets."""
    from reconcile.api.core_v1 import Namespace, Secret
    from reconcile.api.meta_v1 import ObjectMeta
    from reconcile.client.client import Client
    from reconcile.testing.apiserver import ApiServer

    async with ApiServer(tokens={"token": "admin"}) as server:
        async with Client(server.config) as client:
            await client.create(Namespace(metadata=ObjectMeta(name="remote")))
            for number in range(count):
                metadata = ObjectMeta(name=f"k{number}", namespace="remote")
                await client.create(Secret(metadata=metadata, data={"value": b"v"}))
        await until_told({"url": server.url, "ca": base64.b64encode(server.ca).decode()})


async def cluster() -> None:
    """The embedded API server with the operator's kinds; says how to reach it as a kubeconfig."""
    from eso.cli.crds import all_crds
    from reconcile.client.client import Client
    from reconcile.testing.apiserver import ApiServer

    async with ApiServer(tokens={"token": "admin"}) as server:
        async with Client(server.config) as client:
            for crd in all_crds():
                await client.raw("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body=crd)
        await until_told(server.kubeconfig())


async def aws(count: int, latency: float) -> None:
    """moto, behind a front that repeats its answers.

    moto answers a few hundred requests a second, fewer than the operator asks for. So it answers each request once; the same
    request again gets the same answer after the latency.
    """
    from tests.support.vendors.aws import moto_server

    logging.disable()
    answers: dict[tuple[str, bytes], tuple[int, bytes]] = {}
    with moto_server() as moto:
        async with aiohttp.ClientSession() as session:

            async def ask(target: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
                async with session.post(moto, data=body, headers=headers) as response:
                    return response.status, await response.read()

            async def answer(request: web.Request) -> web.Response:
                key = request.headers["X-Amz-Target"], await request.read()
                if key not in answers:
                    names = ("X-Amz-Target", "Authorization", "X-Amz-Date", "Content-Type")
                    answers[key] = await ask(*key, {name: request.headers[name] for name in names})
                await asyncio.sleep(latency)
                status, body = answers[key]
                return web.Response(status=status, body=body, content_type="application/x-amz-json-1.1")

            app = web.Application()
            app.router.add_post("/", answer)
            runner, url = await serve(app)
            versions = []
            for number in range(count):
                scope = "AKIA/20260101/eu-central-1/secretsmanager/aws4_request"
                headers = {
                    "X-Amz-Target": "secretsmanager.CreateSecret",
                    "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
                    "Content-Type": "application/x-amz-json-1.1",
                }
                body = json.dumps({"Name": f"k{number}", "SecretString": '{"value": "v"}'}).encode()
                _, made = await ask("secretsmanager.CreateSecret", body, headers)
                versions.append(json.loads(made)["VersionId"])
            await until_told({"url": url, "versions": versions})
            await runner.cleanup()


async def delay(target: str, latency: float) -> None:
    """A TCP proxy on loopback whose answers come later; what is in flight at once stays so."""
    host, _, port = target.rpartition(":")
    loop = asyncio.get_running_loop()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            loop.call_later(latency, writer.write, data)
        loop.call_later(latency, writer.close)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(host, int(port))
        answers = asyncio.create_task(late(upstream_reader, writer))
        try:
            while data := await reader.read(1 << 16):
                upstream.write(data)
            upstream.close()
            await answers
        except asyncio.CancelledError:
            # The end of the benchmark; asyncio reports a connection that ends this way as an error.
            upstream.close()
            answers.cancel()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    await until_told({"port": server.sockets[0].getsockname()[1]})
    server.close()


def main(arguments: Sequence[str]) -> None:
    name, *rest = arguments
    if name == "webhook":
        asyncio.run(webhook())
    elif name == "kubernetes":
        asyncio.run(kubernetes(int(rest[0])))
    elif name == "cluster":
        asyncio.run(cluster())
    elif name == "aws":
        asyncio.run(aws(int(rest[0]), float(rest[1])))
    else:
        asyncio.run(delay(rest[0], float(rest[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
