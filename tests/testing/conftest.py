"""pytest in pytest: a project of a few tests that make real LiteLLM calls, mocked at the wire by LiteLLM itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


ASK = """
import litellm
import pytest
import fastagentic

def ask(model="gpt-4o-mini", answer="It does."):
    messages = [{"role": "user", "content": "Does the sun rise?"}]
    return litellm.completion(model=model, messages=messages, mock_response=answer)

"""


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """What inner sessions of this process would import and forget again, each for itself, is imported before the first.

    Forgetting is no small thing: LiteLLM brings a finder of package metadata that takes the place of Python's own.
    """
    import litellm

    import fastagentic.testing.recording
    import fastagentic.testing.report

    fastagentic.instrument(destinations=[])
    for stream in (False, True):
        answer = litellm.completion("gpt-4o-mini", [{"role": "user", "content": "x"}], mock_response="a b", stream=stream)
        assert not stream or list(answer)
    fastagentic.flush(5)
    fastagentic.uninstrument()


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Runs a module of tests with options, in this process unless told otherwise; the outer session's own options stay out."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def run(tests: str, *options: str, is_apart: bool = False, **files: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=ASK + tests, **files)
        runs = pytester.runpytest_subprocess if is_apart else pytester.runpytest_inprocess
        return runs("-p", "no:cacheprovider", *options)

    return run
