"""The one TracerProvider: the user's own where there is one, never replaced and never shut down; else ours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased

from fastagentic._version import __version__
from fastagentic.core import names

from .trace_ids import FairRatioSampler, RecordOurs, RunIdGenerator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Tracer

RATIO_SAMPLERS: Final = {"traceidratio": False, "parentbased_traceidratio": True}  # name -> asks the parent first

_ours: TracerProvider | None = None


def provider_for(given: trace.TracerProvider | None, service_name: str | None) -> trace.TracerProvider:
    """The provider to make spans with: the one given, the global one, or ours, made and set as the global one."""
    global _ours
    if given is not None:
        return given
    if not _is_placeholder():
        return trace.get_tracer_provider()
    if _ours is None:
        _ours = _build(service_name)
        trace.set_tracer_provider(_ours)
    return _ours


def makes_provider(given: trace.TracerProvider | None) -> bool:
    """Whether `provider_for` would hand out one of ours: on a user's own, what is not our span is the user's to export."""
    return given is None and (_is_placeholder() or trace.get_tracer_provider() is _ours)


def _is_placeholder() -> bool:
    return type(trace.get_tracer_provider()).__module__.startswith("opentelemetry.trace")  # the API's own


def tracer_of(provider: trace.TracerProvider) -> Tracer:
    """Our tracer on a provider; it takes given run ids as trace ids wherever the provider is the SDK's."""
    tracer = provider.get_tracer(names.SCOPE, __version__)
    generator = getattr(tracer, "id_generator", None)
    if generator is not None and not isinstance(generator, RunIdGenerator):
        tracer.id_generator = RunIdGenerator(generator)  # type: ignore[attr-defined]  # of our scope's tracer alone
    return tracer


def resource_for(service_name: str | None) -> Resource:
    """The resource of the environment, under the name that a setting gives where the environment has none."""
    # A name given in code beats both environment variables in Resource.create; the environment is to win.
    is_named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({SERVICE_NAME: service_name} if service_name and not is_named else None)


def _build(service_name: str | None) -> TracerProvider:
    provider = TracerProvider(resource=resource_for(service_name), id_generator=RunIdGenerator())
    provider.sampler = RecordOurs(_fair(provider.sampler))  # before the first tracer, which copies it
    return provider


def _fair(sampler: Sampler) -> Sampler:
    """The sampler that the environment asks for, with our ratio sampler in the place of the SDK's."""
    kind = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if kind not in RATIO_SAMPLERS:
        return sampler
    try:
        ratio = min(1.0, max(0.0, float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1.0"))))
    except ValueError:  # the SDK has warned, and samples everything
        ratio = 1.0
    fair = FairRatioSampler(ratio)
    return ParentBased(fair) if RATIO_SAMPLERS[kind] else fair
