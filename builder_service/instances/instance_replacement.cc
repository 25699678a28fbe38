// SPDX-License-Identifier: Apache-2.0
// InstanceService::replace: the next guest is booted beside the one it replaces, then gets its host ports.
#include <algorithm>
#include <condition_variable>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "builder_service/instances/console_log.hh"
#include "builder_service/instances/instance_service.hh"

namespace unikernel
{

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace
{

constexpr auto poll_interval = milliseconds(10);
constexpr std::size_t shown_lines = 3;
constexpr const char* sealed = "u0: sealed";

void pause(milliseconds duration, const std::stop_token& stop)
{
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, duration, [] { return false; });
}

Failure not_ready(const std::string& why, const std::filesystem::path& console)
{
    std::string text = "the new guest " + why;
    const auto lines = last_console_lines(console, shown_lines);
    text += lines.empty() ? "; it printed nothing on its console" : "; its console ends with:";
    for (const auto& line : lines)
        text += "\n  " + line;
    return {FailureKind::invalid, text};
}

/// Ends a guest that did not come to be used.
class Discard
{
public:
    Discard(Hypervisor& hypervisor, std::string domain, std::filesystem::path console)
        : hypervisor_(hypervisor), domain_(std::move(domain)), console_(std::move(console))
    {
    }
    Discard(const Discard&) = delete;
    Discard& operator=(const Discard&) = delete;
    ~Discard()
    {
        if (!armed_)
            return;
        static_cast<void>(hypervisor_.destroy(domain_));
        std::error_code ignored;
        std::filesystem::remove(console_, ignored);
    }
    void disarm() { armed_ = false; }

private:
    Hypervisor& hypervisor_;
    const std::string domain_;
    const std::filesystem::path console_;
    bool armed_ = true;
};

}  // namespace

Result<InstanceView> InstanceService::replace(const std::string& name, const std::string& image,
                                              std::stop_token stop)
{
    std::stop_source either;
    const auto end = [&either] { either.request_stop(); };
    const std::stop_callback callers(std::move(stop), end);
    const std::stop_callback own(stopping_.get_token(), end);
    const auto replaced = [&]() -> Result<void> {
        const auto claimed = claim(name, "replacing");
        if (!claimed)
            return tl::unexpected(claimed.error());
        auto instance = stored(name);
        if (!instance)
            return tl::unexpected(instance.error());
        if (instance->pinned)
            return fail(FailureKind::conflict,
                        "instance " + name + " is pinned to its image; unpin it first");
        const auto stored_image = needs_.image(image);
        if (!stored_image)
            return tl::unexpected(stored_image.error());
        if (auto good = check(spec_of(*instance, *stored_image)); !good)
            return good;
        const auto now = guest(name);
        if (state_of(now) == InstanceState::running) {
            if (instance->image == image)
                return {};
            instance->image = image;
            return swap(*instance, now, *stored_image, either.get_token());
        }
        if (now.hypervisor)
            static_cast<void>(now.hypervisor->destroy(now.domain));  // it may be paused
        const auto before = std::exchange(instance->image, image);
        auto started = start_anew(*instance);
        if (!started) {
            instance->image = before;
            static_cast<void>(repository_.update(*instance));
        }
        return started;
    }();
    if (!replaced) {
        if (replaced.error().kind == FailureKind::invalid)
            set_fault(name, replaced.error());
        return tl::unexpected(replaced.error());
    }
    return find(name);
}

/// `instance` has the new image already, but is not stored.
Result<void> InstanceService::swap(Instance& instance, const Guest& old, const StoredImage& image,
                                   const std::stop_token& stop)
{
    auto candidate = instance;  // with the same ports of the guest, and any ports of the host
    for (auto& forward : candidate.forwards)
        forward = {"127.0.0.1", 0, forward.guest_port};
    const auto next = boot(candidate, image);
    std::optional<Discard> discard;
    if (next)
        discard.emplace(*next->hypervisor, next->domain, next->console);
    instance.boots = candidate.boots;
    if (auto kept = repository_.update_boots(instance); !kept)  // a log of that number exists now
        return kept;
    if (!next)
        return tl::unexpected(next.error());
    if (auto ready = wait_until_ready(candidate, *next, stop); !ready)
        return ready;
    if (auto turned = turn_over(old, *next, instance.forwards); !turned)
        return turned;
    if (auto kept = repository_.update(instance); !kept) {
        static_cast<void>(turn_over(*next, old, instance.forwards));
        return kept;
    }
    discard->disarm();
    set_guest(instance.name, *next);
    pause(settings_.drain, stop);
    static_cast<void>(old.hypervisor->stop(old.domain, settings_.grace));
    forget_old_logs(console(instance), instance.boots);
    spdlog::info("instance {} runs {} as {}", instance.name, instance.image, next->domain);
    return {};
}

Result<void> InstanceService::wait_until_ready(const Instance& candidate, const Guest& guest,
                                               const std::stop_token& stop) const
{
    const auto& log = guest.console;
    const auto deadline = steady_clock::now() + settings_.boot_limit;
    while (!console_has(log, sealed)) {
        const auto ended = guest.hypervisor->wait(guest.domain, poll_interval, stop);
        if (!ended && ended.error().kind != FailureKind::timed_out)
            return tl::unexpected(ended.error());
        if (ended && !console_has(log, sealed))
            return tl::unexpected(not_ready("ended before it was sealed", log));
        if (steady_clock::now() >= deadline)
            return tl::unexpected(not_ready(
                "was not sealed within " + std::to_string(settings_.boot_limit.count()) + " ms", log));
    }
    const auto opened_by = steady_clock::now() + settings_.open_limit;
    for (const auto& forward : candidate.forwards)
        while (needs_.is_open && !needs_.is_open(forward, stop) && steady_clock::now() < opened_by &&
               !stop.stop_requested())
            pause(poll_interval, stop);  // whether the image is any good is for health checks to say
    if (stop.stop_requested())
        return fail(FailureKind::cancelled,
                    "the replacement of instance " + candidate.name + " was cancelled");
    return {};
}

/// What stands between these two calls is all that the instance's clients see of a replacement.
Result<void> InstanceService::turn_over(const Guest& from, const Guest& to,
                                        const std::vector<PortForward>& ports) const
{
    if (ports.empty())
        return {};
    if (auto closed = from.hypervisor->forward(from.domain, {}); !closed)
        return closed;
    auto opened = to.hypervisor->forward(to.domain, ports);
    if (!opened) {
        static_cast<void>(to.hypervisor->forward(to.domain, {}));
        static_cast<void>(from.hypervisor->forward(from.domain, ports));
    }
    return opened;
}

}  // namespace unikernel
