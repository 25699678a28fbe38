// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "builder_service/identity/caller.hh"

namespace unikernel::api
{

/// Places of one kind (connections, uploads ...): so many in all, and so many for one project, so that none
/// can keep all others out. Another service of the cloud with a token of its own acts for all projects, and
/// without identity there are none: for them only the number in all counts. Thread-safe.
class ProjectPlaces
{
public:
    /// Free again when the last copy is gone, also after the ProjectPlaces themselves.
    using Place = std::shared_ptr<void>;
    struct Taken {
        Place place;                  ///< null: refused
        bool by_own_project = false;  ///< why: it is the caller's project that has too many
    };

    ProjectPlaces(std::size_t most_of_all, std::size_t most_of_a_project);
    Taken take(const Caller& caller);

private:
    struct State {
        std::mutex mutex;
        std::size_t all = 0;
        std::unordered_map<std::string, std::size_t> of_projects;
    };
    std::size_t most_of_all_;
    std::size_t most_of_a_project_;
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace unikernel::api
