"""Every Python block of the user documentation of the Portkey integration runs as it stands.

The page is not part of the repository: it is looked for beside the checkout, or where `FASTAGENTIC_USER_DOCS` says. Blocks that
make a gateway go on to one: the real one of npm where it can serve the config, the stub that speaks in the hosted
gateway's headers where that has a virtual key, a semantic cache or the like.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import fastagentic
from fastagentic.context import UserInfo
from fastagentic.hooks import reset_hooks
from tests.app.serving import post
from tests.project.places import REPO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

PAGE = Path(os.environ.get("FASTAGENTIC_USER_DOCS") or REPO.parent / "shared" / "user-docs" / "portkey.md")
ABSENT = f"platform: the user documentation is no part of the repository, and {PAGE.name} is not beside it"

if not PAGE.exists():
    pytest.skip(ABSENT, allow_module_level=True)


def blocks() -> list[Any]:
    """(title, source) of each Python block, named after its heading."""
    found, title = [], ""
    for match in re.finditer(r"^#+ ([^\n]*)$|^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if match[1]:
            title = match[1]
        else:
            found.append(pytest.param(match[2], id=f"{title} {sum(title in str(one.id) for one in found) + 1}"))
    return found


BLOCKS = blocks()


class Input(BaseModel):
    text: str


class Output(BaseModel):
    text: str


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, stand_in: StandIn) -> Iterator[None]:
    """What the page says is exported, and a gateway on this machine: hosted-only features are the stub's."""
    monkeypatch.setenv("PORTKEY_API_KEY", "pk-none")
    monkeypatch.setenv("PORTKEY_BASE_URL", stand_in.url("portkey"))
    yield
    reset_hooks()


def names_of_the_page() -> dict[str, Any]:
    """What the page has imported before, and the two models that it leaves to the reader."""
    from fastagentic.integrations.portkey import PortkeyGateway

    return {"__name__": "page", "Input": Input, "Output": Output, "App": fastagentic.App, "PortkeyGateway": PortkeyGateway}


@pytest.mark.parametrize("source", BLOCKS)
def test_a_block_runs_as_it_stands(source: str) -> None:
    exec(compile(source, str(PAGE), "exec"), names_of_the_page())


def test_all_of_them_are_found() -> None:
    assert len(BLOCKS) == PAGE.read_text().count("```python")
    assert len(BLOCKS) >= 12


GATEWAYS = [one for one in BLOCKS if "PortkeyGateway(" in one.values[0]]
HOSTED = re.compile('virtual_key|semantic|"then"')
"""What only the hosted gateway has: virtual keys (in a conditional, by name alone) and its semantic cache."""

FOR_THE_REAL_ONE = [one for one in GATEWAYS if not HOSTED.search(one.values[0])]


@pytest.mark.parametrize("source", FOR_THE_REAL_ONE)
async def test_those_that_the_real_gateway_can_serve_serve_a_call_there(
    source: str, portkey_gateway: LocalGateway, stand_in: StandIn, observed_page: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTKEY_BASE_URL", portkey_gateway.url)

    for gateway in gateways_in(source):
        answer = await post(
            asking_through(gateway, custom_host=stand_in.url("flaky-1-503"), provider="openai"), "/ask", {"text": "hi"}
        )

        retries = "retry=" in source
        assert answer.status_code == (200 if retries else 503), answer.text
        assert len(stand_in.log.as_json()) == (2 if retries else 1)


def asking_through(gateway: Any, **client: Any) -> fastagentic.App:
    """An App with this gateway, whose endpoint makes a client and asks."""
    app = fastagentic.App(instrument=False, llm_gateway=gateway, authenticate=lambda request: UserInfo("u-42"))

    @fastagentic.agent_endpoint("/ask")
    async def ask(body: Input) -> Output:
        from portkey_ai import AsyncPortkey

        messages = [{"role": "user", "content": body.text}]
        answer: Any = await AsyncPortkey(**client).chat.completions.create(model="gpt-4", messages=messages)
        return Output(text=answer.choices[0].message.content)

    return app


@pytest.mark.parametrize("source", GATEWAYS)
async def test_the_gateways_of_a_block_serve_a_call_of_the_stub(source: str, stand_in: StandIn, observed_page: Memory) -> None:
    for gateway in gateways_in(source):
        answer = await post(asking_through(gateway), "/ask", {"text": "hi"})

        assert answer.status_code == 200, answer.text
        sent = stand_in.log.as_json()[-1]["headers"]
        assert sent["x-portkey-trace-id"] == answer.headers["x-run-id"]
        assert (observed_page.spans[-2].attributes or {})["fastagentic.gateway"] == "portkey"


@pytest.fixture
def observed_page(memory: Memory) -> Memory:
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    return memory


def gateways_in(source: str) -> list[Any]:
    """The gateways that a block makes."""
    from fastagentic.integrations import portkey

    made: list[Any] = []

    class Noted(portkey.PortkeyGateway):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    kept, portkey.PortkeyGateway = portkey.PortkeyGateway, Noted  # type: ignore[misc]
    try:
        exec(compile(source, str(PAGE), "exec"), names_of_the_page() | {"PortkeyGateway": Noted})
    finally:
        portkey.PortkeyGateway = kept  # type: ignore[misc]
    return made


async def test_the_endpoints_of_the_page_are_served(stand_in: StandIn) -> None:
    (source,) = [one.values[0] for one in BLOCKS if "@agent_endpoint" in one.values[0]]
    names = names_of_the_page()
    bodies = source.replace("    ...\n", "    return Output(text=input.text.upper())\n")
    exec(compile(f"{bodies}\napp = App(instrument=False)\n", str(PAGE), "exec"), names)

    assert (await post(names["app"], "/premium", {"text": "hi"})).json() == {"text": "HI"}
    assert (await post(names["app"], "/standard", {"text": "hi"})).json() == {"text": "HI"}


async def test_the_hook_of_the_page_prints_cost_and_cache(
    stand_in: StandIn, observed_page: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    from portkey_ai import AsyncPortkey

    (source,) = [one.values[0] for one in BLOCKS if "log_portkey_cost" in one.values[0]]
    exec(compile(source, str(PAGE), "exec"), names_of_the_page())

    client = AsyncPortkey(api_key="pk-none", base_url=stand_in.url("portkey"), provider="openai")
    await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])

    cost, cache = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Cost: \$0\.\d{4}", cost)
    assert cache == "Cache hit: False"
