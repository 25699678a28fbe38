// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

namespace unikernel::cli
{

/// Speaks to a builder service (doc: rest-api.rst). The only file pair of the command line that knows the
/// HTTP library. Failures carry the service's own words; one that does not answer is `unavailable`.
class ServiceClient
{
public:
    /// Errors: invalid (not an http or https URL). `way_out`: what else can be done where none answers.
    static Result<std::unique_ptr<ServiceClient>>
    create(const std::string& url, const std::string& way_out = "add --local to do the work in this process");
    ~ServiceClient();
    ServiceClient(const ServiceClient&) = delete;
    ServiceClient& operator=(const ServiceClient&) = delete;

    Result<nlohmann::json> get(const std::string& path);
    Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body);
    Result<nlohmann::json> put(const std::string& path, const nlohmann::json& body);
    Result<void> remove(const std::string& path);
    /// DELETE of something that answers, such as a dry run.
    Result<nlohmann::json> remove_answered(const std::string& path);
    /// The answer as the service has it in this media type.
    Result<std::string> text(const std::string& path, const std::string& media_type);
    /// All items of a listing, page after page.
    Result<nlohmann::json> items(const std::string& path, const std::string& key);
    /// Streams a file as the body; its size is announced. Answers the JSON of the answer.
    Result<nlohmann::json> upload(const std::string& path, const std::filesystem::path& file);
    /// Streams the answer's body into a new file.
    Result<void> download(const std::string& path, const std::filesystem::path& file);
    /// Reads newline-delimited JSON until the stream ends, `each` answers false, or `stop` is requested.
    Result<void> lines(const std::string& path, const std::function<bool(const nlohmann::json&)>& each,
                       const std::stop_token& stop);

private:
    class Implementation;
    explicit ServiceClient(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

/// What an answer with an error status says; `body` need not be JSON (a proxy may have written it).
Failure service_failure(int status, std::string_view body);

}  // namespace unikernel::cli
