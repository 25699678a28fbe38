// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/interruption.hh"

#include <csignal>
#include <ctime>

#include <unistd.h>

#include "builder_service/cli/exit_code.hh"

namespace unikernel::cli
{

namespace
{

sigset_t interrupting_signals()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

void Interruption::prepare()
{
    const sigset_t set = interrupting_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of write, not an end
}

Interruption::Interruption()
{
    listener_ = std::jthread([this](const std::stop_token& ending) {
        const sigset_t set = interrupting_signals();
        const timespec interval{0, 50'000'000};
        while (!ending.stop_requested()) {
            if (sigtimedwait(&set, nullptr, &interval) < 0) {
                continue;
            }
            if (first_.request_stop()) {
                continue;
            }
            if (!second_.request_stop()) {
                _exit(interrupted);
            }
        }
    });
}

Interruption::~Interruption() = default;

}  // namespace unikernel::cli
