// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/download.hh"

#include "builder_service/openstack/rest_client.hh"
#include "common/util/file.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;
constexpr std::string_view file_scheme = "file://";

bool is_file(const Download& what)
{
    return what.url.starts_with(file_scheme);
}

Result<std::string> read_local(const Download& what)
{
    const fs::path named = what.url.substr(file_scheme.size());
    std::error_code code;
    const auto real = fs::canonical(named, code);  // "latest" may be a link
    return read_file(code ? named : real, what.limit);
}

/// "http://host:80" and "/path" of a URL.
std::pair<std::string, std::string> parts(const std::string& url)
{
    const auto slash = std::min(url.find('/', url.find("//") + 2), url.size());
    return {url.substr(0, slash), slash == url.size() ? "/" : url.substr(slash)};
}

Result<std::unique_ptr<RestClient>> client(const Download& what)
{
    RestClient::Settings settings;
    settings.url = parts(what.url).first;
    settings.cafile = what.cafile;
    settings.silence = what.silence;
    settings.retries = 0;
    return RestClient::create(std::move(settings));
}

RestClient::Call call(const Download& what, const std::string& method, const std::stop_token& stop)
{
    RestClient::Call call;
    call.method = method;
    call.path = parts(what.url).second;
    call.stop = stop;
    return call;
}

Result<void> check_status(const std::string& url, int status)
{
    if (status >= 200 && status < 300) {
        return {};
    }
    const std::string answer = url + " answers " + std::to_string(status);
    if (status == 404 || status == 410) {
        return fail(FailureKind::not_found, answer + ": there is nothing any more");
    }
    return fail(FailureKind::unavailable,
                answer + (status >= 300 && status < 400 ? "; redirects are not followed" : ""));
}

}  // namespace

Result<std::string> download(const Download& what, const std::stop_token& stop)
{
    if (is_file(what)) {
        return read_local(what);
    }
    const auto rest = client(what);
    if (!rest) {
        return tl::unexpected(rest.error());
    }
    const auto deadline = std::chrono::steady_clock::now() + what.whole;
    std::string content;
    bool late = false;
    const auto answer = (*rest)->receive(call(what, "GET", stop), [&](std::string_view piece) {
        late = std::chrono::steady_clock::now() > deadline;
        content += piece;
        return !late && content.size() <= what.limit;
    });
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    if (Result<void> good = check_status(what.url, answer->status); !good) {
        return tl::unexpected(good.error());
    }
    if (content.size() > what.limit) {
        return fail(FailureKind::too_large,
                    what.url + ": more than the limit of " + std::to_string(what.limit) + " bytes");
    }
    if (late) {
        return fail(FailureKind::unavailable,
                    what.url + " takes more than " + std::to_string(what.whole.count()) + " s to answer");
    }
    return content;
}

Result<void> check_there(const Download& what, const std::stop_token& stop)
{
    if (is_file(what)) {
        std::error_code code;
        const fs::path named = what.url.substr(file_scheme.size());
        return fs::is_regular_file(named, code)
                   ? Result<void>{}
                   : fail(FailureKind::not_found, named.string() + " is not there any more");
    }
    const auto rest = client(what);
    if (!rest) {
        return tl::unexpected(rest.error());
    }
    const auto answer = (*rest)->send(call(what, "HEAD", stop));
    return answer ? check_status(what.url, answer->status) : tl::unexpected(answer.error());
}

}  // namespace unikernel
