"""Asynchronous requests: carried out at once here, but answered by a job as NetSuite does."""

import itertools
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from simulators.kernel import json_response
from simulators.netsuite.errors import NetSuiteRefusal, error_response

JOBS_PATH = "/services/rest/async/v1/job"


class Jobs:
    """The jobs by id, and which idempotency key made which."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.results: dict[str, Response] = {}
        self.by_key: dict[str, str] = {}
        self._ids = itertools.count(1)

    def repeated(self, key: str) -> Response | None:
        """The refusal of a key used before, which points to the first job; None for a new key."""
        if key not in self.by_key:
            return None
        refusal = error_response(
            400, "IDEMPOTENCY_ERROR", "A request with this idempotency key was already accepted.",
            title="Conflict",
        )  # fmt: skip
        refusal.headers["Location"] = f"{JOBS_PATH}/{self.by_key[key]}"
        return refusal

    def accept(self, key: str, result: Response) -> Response:
        """Note a finished request as a job and answer 202 with its place."""
        job_id = str(next(self._ids))
        self.jobs[job_id] = {
            "id": job_id, "completed": True,
            "progress": "succeeded" if result.status_code < 400 else "failed",
            "task": {"links": [{"rel": "self", "href": f"{JOBS_PATH}/{job_id}/task"}]},
        }  # fmt: skip
        self.results[job_id] = result
        if key:
            self.by_key[key] = job_id
        return Response(status_code=202, headers={"Location": f"{JOBS_PATH}/{job_id}"})

    async def job(self, request: Request) -> Response:
        """One job."""
        return json_response(self._found(request))

    async def tasks(self, request: Request) -> Response:
        """The tasks of a job: always the one request it stands for."""
        job = self._found(request)
        task = {"id": "1", "completed": True, "progress": job["progress"]}
        return json_response({"items": [task], "count": 1, "hasMore": False, "totalResults": 1})

    async def result(self, request: Request) -> Response:
        """What the request answered."""
        return self.results[self._found(request)["id"]]

    def _found(self, request: Request) -> dict[str, Any]:
        job = self.jobs.get(request.path_params["job"])
        if job is None:
            raise NetSuiteRefusal(404)
        return job
