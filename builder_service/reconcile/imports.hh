// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "builder_service/builds/build_repository.hh"
#include "builder_service/reconcile/clock.hh"
#include "builder_service/reconcile/line_images.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// Images of builds that somebody else brings into Glance, as its import plugin does: once they are found
/// there, their builds count as published. Thread-safe.
class Imports
{
public:
    /// The build's image in Glance, if it is there and has its bytes. Errors: as Glance.
    using Find = std::function<Result<std::optional<Publication>>(const BuildRecord&, std::stop_token)>;

    /// Repositories outlive it.
    Imports(BuildRepository& builds, LineImageRepository& images, Find find, Clock clock);

    /// Asks for some of the builds that are not published, newest first; for each ever more rarely, since
    /// most are never imported. A Glance that does not answer is asked at the next look. Errors: as the
    /// database.
    Result<void> look(const std::stop_token& stop);

private:
    struct Asked {
        std::chrono::steady_clock::time_point first, next;
    };
    Result<void> adopt(BuildRecord build, Publication publication);

    BuildRepository& builds_;
    LineImageRepository& images_;
    const Find find_;
    const Clock clock_;
    std::mutex mutex_;                    ///< one looks at a time
    std::map<std::string, Asked> asked_;  ///< by the build's id
};

}  // namespace unikernel
