// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/rest_client.hh"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <cpprest/filestream.h>
#include <cpprest/http_client.h>
#include <cpprest/rawptrstream.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <spdlog/spdlog.h>

#include "builder_service/openstack/http_threads.hh"
#include "common/decode/document.hh"

namespace unikernel
{

namespace http = web::http;
namespace streams = concurrency::streams;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace
{

constexpr std::size_t block_bytes = std::size_t{64} << 10;
constexpr milliseconds longest_pause{5000};
constexpr std::uint32_t answer_nodes = 200'000;  ///< a service catalogue of many regions is long
constexpr std::uint32_t answer_depth = 32;

/// Without control characters a value cannot end its header and begin another one.
bool sendable(std::string_view value)
{
    return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_header_name(std::string_view name)
{
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    });
}

Result<http::http_request> request_of(const RestClient::Call& call)
{
    if (!call.path.starts_with('/') || !sendable(call.path) || call.path.find(' ') != std::string::npos)
        return fail(FailureKind::invalid, "a request's path must begin with '/' and be percent-encoded");
    http::http_request request(call.method);
    try {
        request.set_request_uri(call.path);
    } catch (const web::uri_exception& problem) {
        return fail(FailureKind::invalid, std::string("a request's path is no URI: ") + problem.what());
    }
    for (const auto& [name, value] : call.headers) {
        if (!is_header_name(name) || !sendable(value))  // the value may be a secret
            return fail(FailureKind::invalid, "header '" + name + "' holds a byte that cannot be sent");
        request.headers().add(name, value);
    }
    if (!call.global_request_id.empty() && sendable(call.global_request_id))
        request.headers().add("X-Openstack-Request-Id", call.global_request_id);
    return request;
}

/// What has arrived, at most `target.size()` bytes, or the first to arrive; 0 at the end. Asking for more
/// at once would wait until all of it is there.
std::size_t read_some(streams::istream& body, std::span<std::uint8_t> target)
{
    streams::rawptr_buffer<std::uint8_t> first(target.data(), 1, std::ios::out);
    if (body.read(first, 1).get() == 0)
        return 0;
    const auto more = std::min(body.streambuf().in_avail(), target.size() - 1);
    if (more == 0)
        return 1;
    streams::rawptr_buffer<std::uint8_t> rest(target.data() + 1, more, std::ios::out);
    return 1 + body.read(rest, more).get();
}

/// Takes the body as it arrives. False: the sink wanted no more.
bool drain(http::http_response& response, const RestClient::Sink& sink)
{
    auto body = response.body();
    std::vector<std::uint8_t> block(block_bytes);
    while (const auto got = read_some(body, block))
        if (!sink({reinterpret_cast<const char*>(block.data()), got}))
            return false;
    return true;
}

RestClient::Answer answer_of(const http::http_response& response)
{
    RestClient::Answer answer;
    answer.status = response.status_code();
    for (const auto& [name, value] : response.headers()) {
        auto lower = name;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        answer.headers.emplace(std::move(lower), value);
    }
    return answer;
}

bool may_be_repeated(const RestClient::Call& call)
{
    return call.repeatable || call.method == "GET" || call.method == "HEAD" || call.method == "PUT";
}

bool is_worth_repeating(const Result<RestClient::Answer>& result)
{
    if (!result)
        return result.error().kind == FailureKind::unavailable;
    return result->status == 502 || result->status == 503 || result->status == 504;
}

/// False: `stop` was requested first.
bool pause(milliseconds time, const std::stop_token& stop)
{
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, time, [] { return false; });
    return !stop.stop_requested();
}

/// Only what the file names is trusted: a private cloud's authority instead of the whole web's.
void trust_only(SSL_CTX* context, const std::string& cafile)
{
    SSL_CTX_set_cert_store(context, X509_STORE_new());
    SSL_CTX_load_verify_locations(context, cafile.c_str(), nullptr);
}

http::client::http_client_config configuration(const RestClient::Settings& settings)
{
    http::client::http_client_config config;
    config.set_timeout(settings.silence);
    config.set_max_redirects(0);
    config.set_validate_certificates(!settings.insecure);
    config.set_ssl_context_callback([cafile = settings.cafile.string()](boost::asio::ssl::context& context) {
        SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
        if (!cafile.empty())
            trust_only(context.native_handle(), cafile);
    });
    return config;
}

}  // namespace

std::string RestClient::Answer::header(const std::string& name) const
{
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
}

Result<nlohmann::json> RestClient::Answer::json() const
{
    auto decoded =
        decode_json(text, "answer", {.bytes = text.size(), .depth = answer_depth, .nodes = answer_nodes});
    if (!decoded)
        return fail(FailureKind::unavailable, "what answers is not the service: " + decoded.error().message);
    return decoded;
}

class RestClient::Implementation
{
public:
    explicit Implementation(Settings settings)
        : settings_(std::move(settings)), client_(settings_.url, configuration(settings_))
    {
    }

    const Settings& settings() const { return settings_; }

    /// One exchange; what cpprestsdk throws becomes a failure. A body goes to `sink` when the answer is
    /// good and a sink is given, else into the answer's text.
    Result<Answer> exchange(const http::http_request& request, const Call& call, const Sink& sink)
    {
        const auto begun = steady_clock::now();
        pplx::cancellation_token_source cancellation;
        const std::stop_callback on_stop(call.stop, [&] { cancellation.cancel(); });
        try {
            auto response = client_.request(request, cancellation.get_token()).get();
            auto answer = answer_of(response);
            spdlog::debug("{} {}{}: {} in {} ms [{}]", call.method, settings_.url,
                          call.path.substr(0, call.path.find('?')), answer.status,
                          std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun).count(),
                          call.global_request_id);
            if (sink && answer.good()) {
                if (!drain(response, sink))
                    cancellation.cancel();  // else the rest would be read into memory
                return answer;
            }
            const bool fits = drain(response, [&](std::string_view piece) {
                answer.text += piece;
                return answer.text.size() <= settings_.answer_bytes;
            });
            if (fits)
                return answer;
            cancellation.cancel();
            return fail(FailureKind::unavailable, settings_.url + " sent an answer of more than " +
                                                      std::to_string(settings_.answer_bytes) + " bytes");
        } catch (const std::exception& problem) {
            if (call.stop.stop_requested())
                return fail(FailureKind::cancelled, "interrupted");
            return fail(FailureKind::unavailable,
                        settings_.url + " does not answer (" + problem.what() + ")");
        }
    }

private:
    const Settings settings_;
    http::client::http_client client_;
};

RestClient::RestClient(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation))
{
}
RestClient::~RestClient() = default;

Result<std::unique_ptr<RestClient>> RestClient::create(Settings settings)
{
    while (settings.url.ends_with('/'))
        settings.url.pop_back();
    if (!settings.url.starts_with("http://") && !settings.url.starts_with("https://"))
        return fail(FailureKind::invalid, "'" + settings.url + "' must begin with http:// or https://");
    if (!settings.cafile.empty()) {
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> trial(SSL_CTX_new(TLS_client_method()),
                                                                      SSL_CTX_free);
        if (SSL_CTX_load_verify_locations(trial.get(), settings.cafile.c_str(), nullptr) != 1)
            return fail(FailureKind::invalid,
                        "cafile " + settings.cafile.string() + " cannot be read as certificates in PEM form");
    }
    start_http_threads();
    const auto url = settings.url;
    try {
        return std::unique_ptr<RestClient>(
            new RestClient(std::make_unique<Implementation>(std::move(settings))));
    } catch (const std::exception& problem) {
        return fail(FailureKind::invalid, "'" + url + "' is no URL: " + problem.what());
    }
}

const std::string& RestClient::url() const
{
    return implementation_->settings().url;
}

Result<RestClient::Answer> RestClient::send(const Call& call)
{
    const auto& settings = implementation_->settings();
    const unsigned attempts = may_be_repeated(call) ? settings.retries + 1 : 1;
    auto wait = settings.first_pause;
    for (unsigned attempt = 1;; ++attempt) {
        auto request = request_of(call);
        if (!request)
            return tl::unexpected(request.error());
        if (call.body)
            request->set_body(call.body->dump(), "application/json");
        auto result = implementation_->exchange(*request, call, {});
        if (attempt >= attempts || !is_worth_repeating(result))
            return result;
        if (!pause(wait, call.stop))
            return fail(FailureKind::cancelled, "interrupted");
        wait = std::min(2 * wait, longest_pause);
    }
}

Result<RestClient::Answer> RestClient::send_file(const Call& call, const std::filesystem::path& file,
                                                 const std::string& content_type)
{
    auto request = request_of(call);
    if (!request)
        return tl::unexpected(request.error());
    std::error_code code;
    const auto bytes = std::filesystem::file_size(file, code);
    if (code)
        return fail(code == std::errc::no_such_file_or_directory ? FailureKind::not_found
                                                                 : FailureKind::internal,
                    file.string() + ": " + code.message());
    streams::istream content;
    try {
        content = streams::fstream::open_istream(file.native(), std::ios::in | std::ios::binary).get();
    } catch (const std::exception& problem) {
        return fail(FailureKind::internal, file.string() + ": " + problem.what());
    }
    request->set_body(content, bytes, content_type);
    auto answer = implementation_->exchange(*request, call, {});
    try {
        content.close().wait();
    } catch (const std::exception& problem) {
        spdlog::debug("{}: {}", file.string(), problem.what());  // the transfer's failure, once more
    }
    return answer;
}

Result<RestClient::Answer> RestClient::receive(const Call& call, const Sink& sink)
{
    auto request = request_of(call);
    if (!request)
        return tl::unexpected(request.error());
    return implementation_->exchange(*request, call, sink);
}

std::string percent_encoded(std::string_view text)
{
    static constexpr std::string_view plain = "-._~";
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
            plain.find(c) != std::string_view::npos)
            encoded += c;
        else
            encoded.append("%").append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
    }
    return encoded;
}

}  // namespace unikernel
