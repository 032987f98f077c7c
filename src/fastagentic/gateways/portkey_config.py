"""Portkey's config schema as models: what is sent in `x-portkey-config`, checked before anything is sent.

Short forms of the documentation are written out as the gateway accepts them, and a mistake is a `ConfigError` that names
the field and the way out. What the gateway does with each was measured on 1.15.2. `integrations/portkey.py` and the doctor
construct these; nothing on the path of a call imports this module, for pydantic's sake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ._config_faults import ACCEPTED, Fault, config_error, nearest
from ._short_forms import read_query, written_out

StatusCode = Annotated[int, Field(ge=100, le=599)]
Codes = Annotated[list[StatusCode], Field(min_length=1)]
"""An empty list is no way to say "any": the gateway then never falls back, nor retries."""

KEYLESS: Final = ("ollama", "triton")
"""Providers that the gateway takes without a key."""

OF_PROVIDERS: Final = (
    "amzn_sagemaker_", "anthropic_", "aws_", "azure_", "cortex_", "fireworks_", "google_", "huggingface_", "mistral_",
    "openai_", "oracle_", "snowflake_", "stability_", "vertex_", "workers_ai_",
)  # fmt: skip
"""How fields begin that one provider knows; they are handed on as they are."""

FURTHER: Final = (
    "after_request_hooks", "before_request_hooks", "input_guardrails", "output_guardrails", "default_input_guardrails",
    "default_output_guardrails", "strict_open_ai_compliance", "on_status_codes", "transform_to_form_data", "metadata",
)  # fmt: skip
"""Fields of Portkey's own that are handed on as they are."""


class Part(BaseModel):
    """A part of a config. Its text shows no value that could be a key, or the name of one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    shown: ClassVar[tuple[str, ...]] = ()

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [(name, getattr(self, name)) for name in self.shown if name in self.model_fields_set]

    def __reduce__(self) -> Any:
        raise TypeError(f"{type(self).__name__} may hold keys and is not pickled; make it in the process that uses it")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        """A field that does not exist is told with the nearest that does."""
        if isinstance(given, Mapping):
            for field in given:
                if not cls._is_known(field):
                    near = nearest(str(field), [*cls.model_fields, *FURTHER])
                    raise Fault(str(field), f"is no field that Portkey knows{near}")
        return given

    @classmethod
    def _is_known(cls, field: object) -> bool:
        return field in cls.model_fields


class Retry(Part):
    """How often a target is asked again, after which failures. Without codes: 429, 500, 502, 503, 504."""

    attempts: Annotated[int, Field(ge=0, le=5)]
    on_status_codes: Codes | None = None
    use_retry_after_header: bool | None = None

    shown = ("attempts", "on_status_codes", "use_retry_after_header")


class Cache(Part):
    """The gateway's response cache: equal requests (`simple`), or alike ones too (`semantic`, hosted gateway only)."""

    mode: Literal["simple", "semantic"]
    max_age: Annotated[int, Field(ge=1)] | None = None

    shown = ("mode", "max_age")


class Condition(Part):
    """Which requests go to the target named in `then`."""

    query: dict[str, Any]
    then: str

    @field_validator("query", mode="after")
    @classmethod
    def _routes(cls, query: dict[str, Any]) -> dict[str, Any]:
        return read_query(query)


class Strategy(Part):
    """How one of the targets is chosen."""

    mode: Literal["single", "loadbalance", "fallback", "conditional"]
    on_status_codes: Codes | None = None
    conditions: Annotated[list[Condition], Field(min_length=1)] | None = None
    default: str | None = None

    shown = ("mode", "on_status_codes")

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Strategy:
        if self.mode == "conditional":
            if self.conditions is None:
                raise Fault("conditions", f"is missing; {ACCEPTED['conditions']}")
            return self
        for field in ("conditions", "default"):
            if getattr(self, field) is not None:
                raise Fault(field, f"means nothing in mode {self.mode!r}; set mode to 'conditional', or leave it out")
        return self


class Target(Part):
    """Where requests go: a virtual key, a provider with its key, or targets of its own under a strategy."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    virtual_key: str | None = None
    provider: str | None = None
    api_key: str | None = None
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    override_params: dict[str, Any] | None = None
    custom_host: str | None = None
    forward_headers: list[str] | None = None
    retry: Retry | None = None
    cache: Cache | None = None
    request_timeout: Annotated[int, Field(ge=1)] | None = None
    strategy: Strategy | None = None
    targets: Annotated[list[Target], Field(min_length=1)] | None = None

    shown = ("provider", "weight", "retry", "cache", "request_timeout", "strategy", "targets")

    @classmethod
    def _is_known(cls, field: object) -> bool:
        return field in cls.model_fields or field in FURTHER or str(field).startswith(OF_PROVIDERS)

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, given: Any) -> Any:
        return written_out(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _can_be_routed(self) -> Target:
        if self.strategy is not None and self.targets is None:
            raise Fault("targets", f"is missing; mode {self.strategy.mode!r} needs targets to choose from")
        for at, target in enumerate(self.targets or ()):
            if not target.has_key:
                raise Fault(
                    f"targets[{at}]", "says no key; give it virtual_key, or provider and api_key, or targets of its own"
                )
        if self.strategy is not None and self.targets is not None:
            _check_weights(self.strategy, self.targets)
            _check_names(self.strategy, self.targets)
        return self

    @property
    def has_key(self) -> bool:
        """Whether it says who is paid: a key, where a key is kept, or targets that do."""
        model = str((self.override_params or {}).get("model", ""))
        if self.virtual_key or self.targets or model.startswith("@"):
            return True
        if not self.provider:
            return False
        is_keyed_otherwise = any(field.startswith(OF_PROVIDERS) for field in self.model_extra or ())
        return bool(self.api_key) or self.provider.startswith("@") or self.provider in KEYLESS or is_keyed_otherwise


def _check_weights(strategy: Strategy, targets: list[Target]) -> None:
    """A target without a weight has 1; with all at 0 the gateway asks none."""
    if strategy.mode == "loadbalance" and not any(1 if one.weight is None else one.weight for one in targets):
        raise Fault("targets", "have no weight above 0; give one of them weight 1 or more")


def _check_names(strategy: Strategy, targets: list[Target]) -> None:
    """Conditions send requests to targets by name; the first of that name is taken."""
    if strategy.mode != "conditional":
        return
    names = [one.name for one in targets if one.name is not None]
    known = ", ".join(map(repr, names)) or "none: give each a name"
    sent = [(f"strategy.conditions[{at}].then", one.then) for at, one in enumerate(strategy.conditions or ())]
    for field, name in [*sent, *([] if strategy.default is None else [("strategy.default", strategy.default)])]:
        if name not in names:
            raise Fault(field, f"is {name!r}, which no target is named; the targets' names are {known}{nearest(name, names)}")
    for at, name in enumerate(names):
        if name in names[:at]:
            raise Fault("targets", f"are named {name!r} more than once; conditions reach the first of them alone")


class PortkeyConfig(Target):
    """A config as Portkey's gateway takes it, short forms written out.

    `as_json()` is what goes into `x-portkey-config`. Only `retry`, `cache` and `request_timeout` may be in it: then the
    request itself says where it goes.

    Raises: ConfigError that names each field with a mistake, its value and the way out.

    Example:
        >>> config = PortkeyConfig(targets=[{"virtual_key": "openai-key"}])
        >>> config.mode, config.as_json()
        ('single', '{"strategy":{"mode":"single"},"targets":[{"virtual_key":"openai-key"}]}')
    """

    def __init__(self, /, **config: Any) -> None:
        try:
            super().__init__(**config)
        except ValidationError as found:
            raise config_error(found, "PortkeyConfig(...)") from None

    @property
    def mode(self) -> str | None:
        """The strategy's mode, None where there are no targets to choose from."""
        return None if self.strategy is None else self.strategy.mode

    @property
    def routes(self) -> bool:
        """Whether it says where requests go."""
        return bool(self.targets or self.provider or self.virtual_key)

    def as_dict(self) -> dict[str, Any]:
        """The config as plain data: what was set, and nothing else."""
        return self.model_dump(exclude_unset=True, exclude_none=True)

    def as_json(self) -> str:
        """The config as it is sent: ASCII, as headers are."""
        return json.dumps(self.as_dict(), separators=(",", ":"))


def read_config(given: Mapping[str, Any], source: str) -> PortkeyConfig:
    """The config of a mapping. Raises: ConfigError that begins with `source`, such as `PortkeyGateway(config=...)`."""
    config = PortkeyConfig.__new__(PortkeyConfig)
    try:
        Target.__init__(config, **{str(name): value for name, value in given.items()})
    except ValidationError as found:
        raise config_error(found, source) from None
    return config
