// SPDX-License-Identifier: Apache-2.0
#include "answer.hh"

#include <algorithm>

namespace u0::http_guard
{

std::string_view status_text(Status status)
{
    switch (status) {
    case Status::unauthorized:
        return "401 Unauthorized";
    case Status::forbidden:
        return "403 Forbidden";
    case Status::request_timeout:
        return "408 Request Timeout";
    case Status::content_too_large:
        return "413 Content Too Large";
    case Status::uri_too_long:
        return "414 URI Too Long";
    case Status::fields_too_large:
        return "431 Request Header Fields Too Large";
    case Status::not_implemented:
        return "501 Not Implemented";
    case Status::service_unavailable:
        return "503 Service Unavailable";
    case Status::version_not_supported:
        return "505 HTTP Version Not Supported";
    case Status::none:
    case Status::bad_request:
        break;
    }
    return "400 Bad Request";
}

Answer::Answer(const Form& form)
{
    const std::string_view status = status_text(form.status);
    add("HTTP/1.1 ");
    add(status);
    add("\r\n");
    if (form.basic) {
        add("WWW-Authenticate: Basic realm=\"");
        add(form.realm);
        add("\", charset=\"UTF-8\"\r\n");
    }
    if (form.bearer) {
        add("WWW-Authenticate: Bearer realm=\"");
        add(form.realm);
        add("\"\r\n");
    }
    if (form.status == Status::service_unavailable)
        add("Retry-After: 1\r\n");
    // The content is the status and a line feed: 10 to 99 bytes.
    const std::size_t length = status.size() + 1;
    const char digits[] = {static_cast<char>('0' + length / 10), static_cast<char>('0' + length % 10), '\0'};
    add("Content-Type: text/plain\r\nCache-Control: no-store\r\nContent-Length: ");
    add(digits);
    add(form.close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
    if (!form.to_head) {
        add(status);
        add("\n");
    }
}

void Answer::add(std::string_view text)
{
    size_ += text.copy(text_.data() + size_, std::min(text.size(), text_.size() - size_));
}

}  // namespace u0::http_guard
