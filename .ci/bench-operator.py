"""The least of an operator's job, for comparison: it follows ManagedServices, polls each one's manifest
once a minute with the tag that it knows, and writes the newest version into the status when it changed.
It verifies no signature, looks at no workload and upgrades nothing."""

import asyncio
import random

import aiohttp
import kopf

tags = {}
session = None


@kopf.on.startup()
async def start(settings, **_):
    global session
    settings.posting.enabled = False
    session = aiohttp.ClientSession()


@kopf.on.cleanup()
async def stop(**_):
    await session.close()


@kopf.timer("windlass.dev", "v1alpha1", "managedservices", interval=60)
async def poll(spec, name, status, patch, **_):
    # So that a thousand that began together do not stay together.
    if name not in tags:
        await asyncio.sleep(random.uniform(0, 55))
    headers = {"If-None-Match": tags[name]} if name in tags else {}
    async with session.get(spec["source"]["manifest"]["url"], headers=headers) as reply:
        if reply.status == 304:
            return
        manifest = await reply.json(content_type=None)
        tags[name] = reply.headers.get("ETag", "")
    newest = max(release["version"] for release in manifest["releases"])
    if status.get("deployedVersion") != newest:
        patch.status["deployedVersion"] = newest
