// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>

#include "builder_service/builds/build_repository.hh"
#include "builder_service/openstack/glance.hh"

namespace unikernel
{

/// Takes out of Glance what builds left there that ended without success, also after Glance or the service
/// were away. Works on a thread of its own.
class Leftovers
{
public:
    /// Both outlive it. `pause`: until it tries again what failed.
    Leftovers(Glance& glance, BuildRepository& repository, std::chrono::milliseconds pause);
    Leftovers(const Leftovers&) = delete;
    Leftovers& operator=(const Leftovers&) = delete;

    /// There may be some (PublishState::removing). Thread-safe.
    void look();

private:
    void work(const std::stop_token& stop);
    bool remove_all(const std::stop_token& stop);
    Result<void> remove(BuildRecord& build, const std::stop_token& stop);

    Glance& glance_;
    BuildRepository& repository_;
    const std::chrono::milliseconds pause_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::uint64_t asked_ = 0;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace unikernel
