"""The OpenAPI description of the API: the models, and one form of every error."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from sordino.device.sending.wire import PROBLEM_TYPE, PROBLEM_URN
from sordino.server.ingest.batch import ReleaseBatch

_TEMPLATE: Final = "#/components/schemas/{model}"


class ProblemDetails(BaseModel):
    """An error (RFC 9457). Some have further members, such as `last_number`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(pattern=f"^{PROBLEM_URN}")
    title: str
    status: int
    detail: str


def describe_api(app: FastAPI) -> dict[str, Any]:
    """The description of an application. Programs are generated from it."""
    content = get_openapi(title=app.title, version=app.version, routes=app.routes)
    schemas = content["components"]["schemas"]
    for model in (ReleaseBatch, ProblemDetails):
        schema = model.model_json_schema(ref_template=_TEMPLATE)
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = {
        "description": "An error",
        "content": {PROBLEM_TYPE: {"schema": {"$ref": _TEMPLATE.format(model="ProblemDetails")}}},
    }
    for operations in content["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
    return content


def text(app: FastAPI) -> str:
    """The description as a file."""
    return json.dumps(describe_api(app), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
