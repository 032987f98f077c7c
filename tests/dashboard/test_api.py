"""The API: what it takes, what it gives, what it says to what it cannot take; and that its document tells the truth."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.store.build import RUN_ID, priced, run, store

from .asking import get

if TYPE_CHECKING:
    from pathlib import Path

JSON = ("overview", "costs", "series", "runs", "calls", "models", "compare", "what-if", "health")
TABLES = ("costs", "series", "runs", "calls", "models", "compare", "what-if", "findings")


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = get("/api/v1/openapi.json").json()
    return found


@pytest.mark.usefixtures("filled")
class TestTheDocument:
    def test_names_every_address_once(self, document: dict[str, Any]) -> None:
        assert set(document["paths"]) == {
            *(f"/api/v1/{name}" for name in JSON),
            *(f"/api/v1/{name}.csv" for name in TABLES),
            "/api/v1/runs/{run_id}",
        }
        ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
        assert len(ids) == len(set(ids))
        assert {method for path in document["paths"].values() for method in path} == {"get"}

    @pytest.mark.parametrize(
        "path", [*JSON, f"runs/{RUN_ID}", "compare?model=gpt-4o&other_model=gpt-4o-mini", "what-if?instead=gpt-4o"]
    )
    def test_tells_what_an_answer_looks_like(self, document: dict[str, Any], path: str) -> None:
        name = "runs/{run_id}" if path.startswith("runs/") else path.partition("?")[0]
        schema = document["paths"][f"/api/v1/{name}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]

        jsonschema.validate(get(f"/api/v1/{path}").json(), {**schema, "components": document["components"]})

    @pytest.mark.parametrize(
        ("path", "status"),
        [("runs/nothing", 404), ("costs?since=soon", 422), ("costs?sinse=7d", 422), ("what-if?instead=x", 422)],
    )
    def test_tells_what_a_problem_looks_like(self, document: dict[str, Any], path: str, status: int) -> None:
        answer = get(f"/api/v1/{path}")
        name = "runs/{run_id}" if path.startswith("runs/") else path.partition("?")[0]
        told = document["paths"][f"/api/v1/{name}"]["get"]["responses"][str(status)]["content"]["application/problem+json"]

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        jsonschema.validate(answer.json(), {**told["schema"], "components": document["components"]})

    def test_names_no_type_that_is_not_there(self, document: dict[str, Any]) -> None:
        named = {part for part in str(document).split("'") if part.startswith("#/components/schemas/")}

        assert {name.rpartition("/")[2] for name in named} <= set(document["components"]["schemas"])
        assert "HTTPValidationError" not in document["components"]["schemas"]

    def test_says_of_each_parameter_what_it_is(self, document: dict[str, Any]) -> None:
        parameters = [one for path in document["paths"].values() for one in path["get"].get("parameters", ())]

        assert [one["name"] for one in parameters if not one.get("description")] == []


@pytest.mark.usefixtures("filled")
class TestWhatItCannotTake:
    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("since=soon", "since is 'soon': takes an amount of time such as 30d, 24h, 90m or 45s, or 'all'"),
            ("since=0h", "since is '0h'"),
            ("from=yesterday", "from is 'yesterday'"),
            ("from=2026-01-02&to=2026-01-01", "`to` is not after `from`"),
            ("modell=gpt-4o", "there is no parameter 'modell'"),
            ("outcome=good", "outcome is 'good'"),
            ("by=color", "by is 'color'"),
            ("user=" + "x" * 501, "user"),
        ],
    )
    def test_is_named_with_its_value_and_what_it_takes(self, query: str, told: str) -> None:
        answer = get(f"/api/v1/costs?{query}")

        assert answer.status_code == 422
        assert told in answer.json()["detail"]

    @pytest.mark.parametrize("query", ["page=0", "limit=0", "limit=10001", "page=x", "sort=colour", "order=up", "page=1.5"])
    def test_of_a_list_too(self, query: str) -> None:
        assert get(f"/api/v1/runs?{query}").status_code == 422

    @pytest.mark.parametrize("query", ["hit_rate=101", "hit_rate=-1", "hit_rate=nan", "hit_rate=inf"])
    def test_of_a_hit_rate_too(self, query: str) -> None:
        assert get(f"/api/v1/what-if?{query}").status_code == 422

    def test_is_said_on_a_page_with_the_way_out(self) -> None:
        answer = get("/?since=soon")

        assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
        assert "since is &#39;soon&#39;" in answer.text

    def test_an_empty_field_of_a_form_says_nothing(self) -> None:
        assert get("/?model=&outcome=&user=&from=&to=&search=").status_code == 200

    def test_an_address_that_there_is_not(self) -> None:
        assert get("/api/v1/nothing").json()["detail"] == "there is no /api/v1/nothing"
        assert get("/nothing").status_code == 404

    def test_a_run_that_there_is_not_names_those_that_are(self) -> None:
        answer = get("/api/v1/runs/order-43")

        assert answer.status_code == 404
        assert "order-42" in answer.json()["detail"]


@pytest.mark.usefixtures("filled")
class TestFilters:
    @pytest.mark.parametrize(
        ("query", "calls"),
        [
            ("", 6), ("model=gpt-4o", 1), ("model=nothing", 0), ("user=u-1", 4), ("user=(none)", 2), ("tag=eu", 1),
            ("gateway=portkey", 1), ("outcome=error", 1), ("outcome=rescued_by_fallback", 1), ("endpoint=nightly-report", 4),
            ("search=LLAMA", 1), ("search=order-42", 4), ("user=u-1&model=gpt-4o", 1), ("from=2020-01-01&to=2020-01-02", 0),
            ("since=90m", 5), ("since=all", 6), ("provider=openai", 6), ("search=%25", 0),
        ],
    )  # fmt: skip
    def test_take_the_calls_that_they_name(self, query: str, calls: int) -> None:
        assert get(f"/api/v1/overview?{query}").json()["total"]["calls"] == calls
        assert get(f"/api/v1/calls?{query}").json()["total"] == calls

    def test_a_time_begins_with_its_first_moment_and_ends_before_its_last(self, filled: Path) -> None:
        started = get("/api/v1/calls?limit=1&order=asc").json()["rows"][0]["started"]

        assert get("/api/v1/calls", params={"from": started}).json()["total"] == 6
        assert get("/api/v1/calls", params={"from": "2020-01-01", "to": started}).json()["total"] == 0

    def test_a_moment_is_utc_unless_it_says(self) -> None:
        plain, told = (get("/api/v1/compare", params={"from": at}) for at in ("2026-11-01T10:00", "2026-11-01T12:00+02:00"))

        assert plain.json()["after"]["since"] == told.json()["after"]["since"] == "2026-11-01T10:00:00.000000Z"


class TestLists:
    @pytest.fixture
    def many(self, own_environment: Path) -> None:
        made = [
            span
            for at in range(7)
            for span in (priced(at / 10, run_id=f"{at:032x}", ago_h=1), run(f"run-{at}", run_id=f"{at:032x}", ago_h=1))
        ]
        store(own_environment / "store.db", made)

    @pytest.mark.usefixtures("many")
    def test_come_a_page_at_a_time(self) -> None:
        pages = [get(f"/api/v1/runs?limit=3&sort=cost&page={page}").json() for page in (1, 2, 3, 4)]

        assert [[row["name"] for row in page["rows"]] for page in pages] == [
            ["run-6", "run-5", "run-4"], ["run-3", "run-2", "run-1"], ["run-0"], [],
        ]  # fmt: skip
        assert {(page["total"], page["pages"]) for page in pages} == {(7, 3)}

    @pytest.mark.usefixtures("many")
    def test_come_the_other_way_round(self) -> None:
        rows = get("/api/v1/calls?sort=cost&order=asc&limit=2").json()["rows"]

        assert [row["cost"] for row in rows] == [0.0, 0.1]

    @pytest.mark.usefixtures("many")
    def test_a_page_beyond_the_last_says_so(self) -> None:
        assert "no page 9" in get("/runs?limit=3&page=9").text


@pytest.mark.usefixtures("filled")
class TestTables:
    @pytest.mark.parametrize("name", TABLES)
    def test_come_as_csv(self, name: str) -> None:
        answer = get(f"/api/v1/{name}.csv")
        head, *rows = csv.reader(io.StringIO(answer.text))

        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
        assert rows
        assert {len(row) for row in rows} == {len(head)}

    def test_have_the_rows_of_the_answer(self) -> None:
        rows = list(csv.DictReader(io.StringIO(get("/api/v1/costs.csv?by=tag").text)))
        answer = get("/api/v1/costs?by=tag").json()["rows"]

        assert [(row["key"] or None, row["calls"], float(row["cost"] or 0)) for row in rows] == [
            (row["key"], str(row["calls"]), row["cost"] or 0) for row in answer
        ]

    def test_leave_out_what_is_unknown(self) -> None:
        rows = {row["key"]: row for row in csv.DictReader(io.StringIO(get("/api/v1/costs.csv").text))}

        assert rows["llama-of-tomorrow"]["cost"] == ""
        assert rows["llama-of-tomorrow"]["unpriced"] == "1"

    @pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)"])
    def test_have_no_formulas_of_strangers(self, filled: Path, name: str) -> None:
        store(filled, [priced(0.1, user=name)])

        rows = list(csv.DictReader(io.StringIO(get("/api/v1/costs.csv?by=user").text)))

        assert f"'{name}" in {row["key"] for row in rows}
