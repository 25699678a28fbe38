// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "builder_service/repositories/module_repositories.hh"

namespace unikernel
{

/// Looks after repositories while a service runs: fetches what could not be fetched before, and notices what
/// vanishes or comes back. One thread, ended by the destructor.
class RepositoryWatch
{
public:
    /// Both are called on that thread and must not throw: `tell` with a sentence for each repository that
    /// changed its state, `changed` when there are other modules than before.
    RepositoryWatch(ModuleRepositories& repositories, std::chrono::seconds interval,
                    std::function<void(const std::string&)> tell, std::function<void()> changed);

private:
    std::jthread thread_;
};

}  // namespace unikernel
