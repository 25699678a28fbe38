// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "common/util/file.hh"
#include "common/util/result.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{

/// A libvirtd of our own for hosts where none runs (containers, machines without systemd).
///
/// It lives in a user and process namespace that bubblewrap makes: to itself it is an ordinary user's
/// session daemon, so that it needs no root and touches nothing below /etc, /var and /run; orphans are
/// reaped; and when this object or this process ends, in whatever way, the kernel ends the daemon and
/// every guest with it. Its sockets and configuration are in a short temporary folder (a socket's path
/// is limited to 107 bytes), what is worth keeping is in `cache`.
class PrivateDaemon
{
public:
    /// Starts it and waits until it listens. Errors: unavailable (what to install), timed_out.
    static Result<std::unique_ptr<PrivateDaemon>> start(const std::filesystem::path& cache);
    PrivateDaemon(const PrivateDaemon&) = delete;
    PrivateDaemon& operator=(const PrivateDaemon&) = delete;
    ~PrivateDaemon();

    /// For virConnectOpen.
    std::string uri() const;

private:
    PrivateDaemon(TemporaryDirectory folder, FileDescriptor lock);
    Result<void> launch(const std::filesystem::path& cache);

    TemporaryDirectory folder_;
    FileDescriptor lock_;  ///< held as long as the folder is in use
    Result<void> end_;     ///< written by the keeper before `ended_`
    std::atomic<bool> ended_ = false;
    std::jthread keeper_;
};

}  // namespace unikernel
