"""A client that is generated from the committed description of the API, and from nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema
from fastapi.testclient import TestClient

FILE: Final = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


class ApiClient:
    """One method for each operation. Arguments are parameters by name, and `body`.

    Requests and answers are checked against the description.
    """

    def __init__(self, http: TestClient, token: str) -> None:
        self._http, self._token = http, token
        self._content = json.loads(FILE.read_text(encoding="utf-8"))
        self._operations = {
            operation["operationId"]: (method, path, operation)
            for path, operations in self._content["paths"].items()
            for method, operation in operations.items()
        }

    def __getattr__(self, name: str) -> Any:
        method, path, operation = self._operations[name]

        def call(*, body: Any = None, **arguments: Any) -> Any:
            parameters = {
                re.sub(r"\W", "_", parameter["name"]): parameter
                for parameter in operation.get("parameters", [])
            }
            places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
            for key, value in arguments.items():
                parameter = parameters[key]
                self._check(value, parameter["schema"])
                places[parameter["in"]][parameter["name"]] = value
            missing = {key for key, value in parameters.items() if value.get("required")}
            assert missing <= set(arguments), f"{name} needs {missing - set(arguments)}"
            headers = {"Authorization": f"Bearer {self._token}", **places["header"]}
            content = self._body(operation, body, headers)
            return self._answer(
                operation,
                self._http.request(
                    method,
                    path.format(**places["path"]),
                    params=places["query"],
                    headers=headers,
                    content=content,
                ),
            )

        return call

    def _body(self, operation: Any, body: Any, headers: dict[str, str]) -> bytes | None:
        if "requestBody" not in operation:
            assert body is None
            return None
        ((media, content),) = operation["requestBody"]["content"].items()
        headers["Content-Type"] = media
        if media != "application/json":
            return bytes(body)
        self._check(body, content["schema"])
        return json.dumps(body).encode()

    def _answer(self, operation: Any, answer: Any) -> Any:
        status = str(answer.status_code)
        response = operation["responses"].get(status, operation["responses"]["default"])
        if "content" not in response:
            assert answer.content == b""
            return None
        media = answer.headers["content-type"]
        if "json" not in media:
            return answer.content
        self._check(answer.json(), response["content"][media]["schema"])
        return answer.json()

    def _check(self, value: Any, schema: Any) -> None:
        jsonschema.validate(value, schema | {"components": self._content["components"]})
