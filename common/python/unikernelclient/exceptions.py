# SPDX-License-Identifier: Apache-2.0
"""What the client raises. Every message is for people: what happened, and what to do next."""


class UnikernelClientError(Exception):
    """Base of all that this package raises."""


class InvalidInput(UnikernelClientError):
    """A file or folder of the user's is at fault; nothing was sent."""


class ApiError(UnikernelClientError):
    """The service refused, in the form of the OpenStack API special interest group.

    status: HTTP status; 0 if no answer came. code: for programs ("spec.invalid").
    detail: for people. request_id: finds the service's log lines; None if no answer came.
    """

    def __init__(self, status, code, detail, request_id=None):
        super().__init__(detail)
        self.status, self.code, self.detail, self.request_id = status, code, detail, request_id

    def __str__(self):
        where = f", {self.request_id}" if self.request_id else ""
        return f"{self.detail} ({self.code}{where})"


class BadRequest(ApiError):
    """400: the request is wrong; the detail names the place."""


class Unauthorized(ApiError):
    """401: no token, or one that is not valid (any more)."""


class Forbidden(ApiError):
    """403: the token's roles do not allow it."""


class NotFound(ApiError):
    """404: there is none, or it is another project's."""


class Conflict(ApiError):
    """409: it exists already, or the requirements cannot be met together (spec.unresolvable)."""


class Unavailable(ApiError):
    """503, or nobody answers (status 0). ``retry_after``: seconds to wait, if the service said so."""

    retry_after = None


class BuildFailed(UnikernelClientError):
    """A build ended without an image. ``build``: the build as the service describes it."""

    def __init__(self, build):
        self.build = build
        super().__init__(f"build {build['id']}: {build['state']}: {build.get('error') or 'no reason was given'}")


_BY_STATUS = {400: BadRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 503: Unavailable}


def from_response(response):
    """The typed error of a response with a status of 400 or more (a ``requests.Response``)."""
    try:
        first = response.json()["errors"][0]
    except (ValueError, LookupError, TypeError):  # a proxy's page, or another service
        first = {}
    error = _BY_STATUS.get(response.status_code, ApiError)(
        response.status_code, first.get("code") or f"http.{response.status_code}",
        first.get("detail") or f"{response.request.method} {response.url}: {response.status_code} {response.reason}",
        first.get("request_id") or response.headers.get("X-Openstack-Request-Id"))
    retry_after = response.headers.get("Retry-After", "")
    if isinstance(error, Unavailable) and retry_after.isdigit():
        error.retry_after = int(retry_after)
    return error
