// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/service_client.hh"

#include <chrono>
#include <fstream>

#include <cpprest/containerstream.h>
#include <cpprest/filestream.h>
#include <cpprest/http_client.h>
#include <cpprest/rawptrstream.h>

#include "builder_service/cli/output.hh"
#include "common/decode/document.hh"

namespace unikernel::cli
{

namespace http = web::http;

namespace
{

/// Without a byte for so long the service is gone; a quiet event stream sends an empty line every 10 s.
constexpr std::chrono::seconds silence_limit{60};
constexpr std::size_t line_limit = 1 << 20;  ///< bytes of one event
constexpr std::size_t block_bytes = 64 << 10;
constexpr std::uint64_t answer_limit = 16ULL << 20;  ///< bytes of a JSON answer

using Line = concurrency::streams::container_buffer<std::string>;

/// The next bytes of a body; empty at its end. (A container_buffer's collection may be longer than what
/// was read into it.)
std::string read_block(const concurrency::streams::istream& body)
{
    std::string block(block_bytes, '\0');
    concurrency::streams::rawptr_buffer<std::uint8_t> target(reinterpret_cast<std::uint8_t*>(block.data()),
                                                             block.size(), std::ios::out);
    block.resize(body.read(target, block.size()).get());
    return block;
}

}  // namespace

class ServiceClient::Implementation
{
public:
    Implementation(const std::string& url, std::string way_out)
        : url_(url), way_out_(std::move(way_out)), client_(url, configuration())
    {
    }

    /// Sends, and turns what the library throws into a failure.
    template <typename Use>
    auto exchange(const http::http_request& request, const pplx::cancellation_token& token, Use&& use)
        -> decltype(use(std::declval<http::http_response&>()))
    {
        try {
            http::http_response response = client_.request(request, token).get();
            if (response.status_code() >= 400) {
                return tl::unexpected(service_failure(response.status_code(), text(response)));
            }
            return use(response);
        } catch (const pplx::task_canceled&) {
            return fail(FailureKind::cancelled, "interrupted");
        } catch (const http::http_exception& error) {
            if (token.is_canceled()) {
                return fail(FailureKind::cancelled, "interrupted");
            }
            return fail(FailureKind::unavailable,
                        "no builder service answers at " + url_ + " (" + error.what() +
                            "); start one with: unikernel-builder, name another one with --service URL, or " +
                            way_out_);
        } catch (const std::exception& error) {
            return fail(FailureKind::unavailable, "the builder service at " + url_ + ": " + error.what());
        }
    }

    static std::string text(http::http_response& response)
    {
        std::string all;
        while (all.size() < answer_limit) {
            const std::string block = read_block(response.body());
            if (block.empty()) {
                break;
            }
            all += block;
        }
        return all;
    }

    Result<nlohmann::json> json(const http::http_request& request)
    {
        return exchange(request, pplx::cancellation_token::none(),
                        [](http::http_response& response) -> Result<nlohmann::json> {
                            const std::string body = text(response);
                            auto decoded = nlohmann::json::parse(body, nullptr, false);
                            if (decoded.is_discarded()) {
                                return fail(FailureKind::unavailable,
                                            "what answers there is no builder service: it sent no JSON");
                            }
                            return decoded;
                        });
    }

    static http::client::http_client_config configuration()
    {
        http::client::http_client_config settings;
        settings.set_timeout(silence_limit);
        return settings;
    }

private:
    std::string url_;
    std::string way_out_;
    http::client::http_client client_;
};

ServiceClient::ServiceClient(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation))
{
}

// What the library still has in its queue for a request that failed would be lost if the program ended now:
// its threads take from the queue in order, so once this task was run those before it were taken.
ServiceClient::~ServiceClient()
{
    try {
        pplx::create_task([] {}).wait();
    } catch (const std::exception&) {
        // Without the task nothing is waited for; what is lost then is of a request that has failed.
    }
}

Result<std::unique_ptr<ServiceClient>> ServiceClient::create(const std::string& url,
                                                             const std::string& way_out)
{
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
        return fail(FailureKind::invalid, "service URL \"" + url + "\" must begin with http:// or https://");
    }
    try {
        return std::unique_ptr<ServiceClient>(
            new ServiceClient(std::make_unique<Implementation>(url, way_out)));
    } catch (const std::exception& error) {
        return fail(FailureKind::invalid, "service URL \"" + url + "\": " + error.what());
    }
}

Result<nlohmann::json> ServiceClient::get(const std::string& path)
{
    http::http_request request(http::methods::GET);
    request.set_request_uri(path);
    return implementation_->json(request);
}

Result<nlohmann::json> ServiceClient::post(const std::string& path, const nlohmann::json& body)
{
    http::http_request request(http::methods::POST);
    request.set_request_uri(path);
    request.set_body(body.dump(), "application/json");
    return implementation_->json(request);
}

Result<nlohmann::json> ServiceClient::put(const std::string& path, const nlohmann::json& body)
{
    http::http_request request(http::methods::PUT);
    request.set_request_uri(path);
    request.set_body(body.dump(), "application/json");
    return implementation_->json(request);
}

Result<nlohmann::json> ServiceClient::remove_answered(const std::string& path)
{
    http::http_request request(http::methods::DEL);
    request.set_request_uri(path);
    return implementation_->json(request);
}

Result<std::string> ServiceClient::text(const std::string& path, const std::string& media_type)
{
    http::http_request request(http::methods::GET);
    request.set_request_uri(path);
    request.headers().add("Accept", media_type);
    return implementation_->exchange(
        request, pplx::cancellation_token::none(),
        [](http::http_response& response) -> Result<std::string> { return Implementation::text(response); });
}

Result<nlohmann::json> ServiceClient::items(const std::string& path, const std::string& key)
{
    auto all = nlohmann::json::array();
    for (std::string next = path; !next.empty();) {
        auto page = get(next);
        if (!page) {
            return page;
        }
        if (!page->is_object() || !page->value(key, nlohmann::json()).is_array()) {
            return fail(FailureKind::unavailable,
                        "what answers there is no builder service: it sent no " + key);
        }
        for (const auto& item : page->at(key)) {
            all.push_back(item);
        }
        next.clear();
        for (const auto& link : page->value("links", nlohmann::json::array())) {
            const auto href = link.value("href", "");
            if (const auto query = href.find('?');
                link.value("rel", "") == "next" && query != std::string::npos) {
                next = path.substr(0, path.find('?')) + href.substr(query);
            }
        }
    }
    return all;
}

Result<void> ServiceClient::remove(const std::string& path)
{
    http::http_request request(http::methods::DEL);
    request.set_request_uri(path);
    return implementation_->exchange(request, pplx::cancellation_token::none(),
                                     [](http::http_response&) -> Result<void> { return {}; });
}

Result<nlohmann::json> ServiceClient::upload(const std::string& path, const std::filesystem::path& file)
{
    try {
        const auto stream =
            concurrency::streams::fstream::open_istream(file.native(), std::ios::in | std::ios::binary).get();
        http::http_request request(http::methods::POST);
        request.set_request_uri(path);
        request.set_body(stream, std::filesystem::file_size(file), "application/octet-stream");
        auto answer = implementation_->json(request);
        stream.close().wait();
        return answer;
    } catch (const std::exception& error) {
        return fail(FailureKind::internal, file.native() + ": " + error.what());
    }
}

Result<void> ServiceClient::download(const std::string& path, const std::filesystem::path& file)
{
    http::http_request request(http::methods::GET);
    request.set_request_uri(path);
    return implementation_->exchange(
        request, pplx::cancellation_token::none(), [&](http::http_response& response) -> Result<void> {
            std::ofstream target(file, std::ios::binary | std::ios::trunc);
            auto body = response.body();
            for (std::string block = read_block(body); !block.empty(); block = read_block(body)) {
                target << block;
            }
            target.close();
            if (!target) {
                return fail(FailureKind::no_space, file.native() + " cannot be written; is the disk full?");
            }
            return {};
        });
}

Result<void> ServiceClient::lines(const std::string& path,
                                  const std::function<bool(const nlohmann::json&)>& each,
                                  const std::stop_token& stop)
{
    pplx::cancellation_token_source cancellation;
    const std::stop_callback on_stop(stop, [&] { cancellation.cancel(); });
    http::http_request request(http::methods::GET);
    request.set_request_uri(path);
    return implementation_->exchange(
        request, cancellation.get_token(), [&](http::http_response& response) -> Result<void> {
            auto body = response.body();
            for (;;) {
                Line block;
                const std::size_t got = body.read_to_delim(block, '\n').get();
                if (got == 0 && body.is_eof()) {
                    return {};
                }
                const auto event = nlohmann::json::parse(block.collection(), nullptr, false);
                if (block.collection().size() > line_limit) {
                    return fail(FailureKind::unavailable, "the service sent an event over 1 MiB");
                }
                if (event.is_object() && !each(event)) {  // empty lines keep the stream alive
                    return {};
                }
            }
        });
}

Failure service_failure(int status, std::string_view body)
{
    const auto document = nlohmann::json::parse(body, nullptr, false);
    std::string text = "the builder service answered " + std::to_string(status);
    if (document.is_object() && document.contains("errors") && document["errors"].is_array() &&
        !document["errors"].empty() && document["errors"][0].is_object()) {
        const auto& error = document["errors"][0];
        const auto word = [&](const char* key) {
            return error.contains(key) && error[key].is_string() ? error[key].get<std::string>()
                                                                 : std::string();
        };
        text = printable(word("detail").empty() ? word("title") : word("detail"));
        if (status >= 500) {
            text += " (" + word("request_id") + ")";
        }
    }
    switch (status) {
    case 404:
        return {FailureKind::not_found, text};
    case 409:
        return {FailureKind::conflict, text};
    case 413:
        return {FailureKind::too_large, text};
    case 502:
    case 503:
    case 504:
        return {FailureKind::unavailable, text};
    case 507:
        return {FailureKind::no_space, text};
    default:
        return {status < 500 ? FailureKind::invalid : FailureKind::internal, text};
    }
}

}  // namespace unikernel::cli
