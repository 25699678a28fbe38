// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/openstack/endpoint_client.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// An image as Glance shows it (Image API v2).
struct GlanceImage {
    std::string id, name, owner;
    std::string status;  ///< "queued", "saving", "active" ...
    std::string created;
    std::string hash_algorithm, hash;  ///< of the data, lower-case hex; empty before it is there
    std::uint64_t bytes = 0;
    bool hidden = false;
    nlohmann::json all;  ///< the whole answer, with the image's own properties

    std::string property(const std::string& name) const;  ///< "" when absent
};

/// What an answer of Glance depends on besides its question.
struct GlanceCall {
    std::string global_request_id;
    std::stop_token stop;
};

/// The images of all projects, by the service's own account. Thread-safe; blocks.
///
/// Errors: unavailable (no answer, or 5xx: trying again may help), conflict (409: not in this state),
/// invalid (refused for good, with Glance's own words), cancelled.
class Glance
{
public:
    struct Settings {
        std::string endpoint_override;  ///< URL; empty: by the catalogue
        std::string region;
        std::string interface = "public";
        std::chrono::seconds silence{60};  ///< without a byte of Glance's
    };
    /// `session` outlives it.
    Glance(Session& session, const Settings& settings)
        : client_(session, {.type = "image",
                            .endpoint_override = settings.endpoint_override,
                            .region = settings.region,
                            .interface = settings.interface,
                            .silence = settings.silence})
    {
    }
    Glance(const Glance&) = delete;
    Glance& operator=(const Glance&) = delete;

    /// Nothing: there is no such image.
    Result<std::optional<GlanceImage>> find(const std::string& id, const GlanceCall& call);
    /// `query`: names and values of the API's filters. Page after page, to the last.
    Result<std::vector<GlanceImage>> list(const std::map<std::string, std::string>& query,
                                          const GlanceCall& call);
    /// `image`: the body of POST /v2/images. Error conflict: its id is taken, or was before.
    Result<void> create(const nlohmann::json& image, const GlanceCall& call);
    /// Streams the data of a queued image.
    Result<void> upload(const std::string& id, const std::filesystem::path& file, const GlanceCall& call);
    /// os_hidden: no longer listed, still bootable by its id.
    Result<void> hide(const std::string& id, const GlanceCall& call) { return set_hidden(id, true, call); }
    /// Listed again.
    Result<void> show(const std::string& id, const GlanceCall& call) { return set_hidden(id, false, call); }
    /// The image stays, and nobody but administrators gets its data any more; Nova makes no server from it.
    /// Nothing changes if it is so already. Error invalid: also for an image that has no data yet.
    Result<void> deactivate(const std::string& id, const GlanceCall& call);
    Result<void> reactivate(const std::string& id, const GlanceCall& call);
    /// No error if there is none.
    Result<void> remove(const std::string& id, const GlanceCall& call);

private:
    Result<void> set_hidden(const std::string& id, bool hidden, const GlanceCall& call);

    EndpointClient client_;
};

}  // namespace unikernel
