// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/builds/build_repository.hh"
#include "builder_service/openstack/glance.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Brings finished images into Glance, for the project of their build. Each step is decided by what Glance
/// says is there, and the image's id is stored before Glance hears it: so publishing may be cut off at any
/// point, by a killed service or a Glance that is away, and begun again. Thread-safe.
class Publisher
{
public:
    struct Settings {
        unsigned attempts = 7;            ///< how often Glance may fail in a row
        std::uint64_t project_bytes = 0;  ///< of all images that a project has in Glance; 0: no limit
        std::chrono::milliseconds first_pause{500};  ///< after the first failure; doubles
        std::chrono::milliseconds longest_pause{15'000};
    };
    /// Both outlive it.
    Publisher(Glance& glance, BuildRepository& repository, Settings settings)
        : glance_(glance), repository_(repository), settings_(settings)
    {
    }
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    /// Does what `build.publish` wishes. Bytes that the project has in Glance already, not hidden, are not
    /// sent again: the build then gets that image. Older images of the same name that the builder made are
    /// hidden. Errors: cancelled; unavailable (Glance stayed away); invalid (it refuses the image);
    /// conflict (the wanted id is taken).
    Result<void> publish(BuildRecord& build, const StoredImage& image, BuildObserver& observer,
                         std::stop_token stop);

private:
    class Run;
    class Turn;
    Glance& glance_;
    BuildRepository& repository_;
    const Settings settings_;
    std::mutex mutex_;
    std::condition_variable_any turn_over_;
    std::set<std::pair<std::string, std::string>> at_work_;  ///< project and digest: one build at a time
};

}  // namespace unikernel
