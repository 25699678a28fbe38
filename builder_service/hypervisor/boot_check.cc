// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/hypervisor.hh"

#include <algorithm>

#include "common/util/temporary_directory.hh"

namespace unikernel
{

namespace
{

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t shown_lines = 10;
constexpr auto poll_interval = 10ms;
/// A program that fails at once does so, and says so, soon after the image was sealed: its console must
/// be quiet for this long, but a program that goes on talking is not waited for.
constexpr auto settle_time = 250ms;
constexpr auto settle_limit = 2s;

Failure boot_failure(FailureKind kind, const std::string& what, const std::filesystem::path& console)
{
    std::string text = "boot check: " + what;
    const auto lines = last_console_lines(console, shown_lines);
    text += lines.empty() ? "; it printed nothing on its console" : "; the console's last lines:";
    for (const std::string& line : lines) {
        text += "\n  " + line;
    }
    return {kind, text};
}

bool sealed(const std::filesystem::path& console)
{
    const auto lines = last_console_lines(console, std::string::npos);
    return std::find(lines.begin(), lines.end(), "u0: sealed") != lines.end();
}

bool failed(const std::filesystem::path& console)
{
    const auto lines = last_console_lines(console, std::string::npos);
    return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
        return line.starts_with("u0: panic") || (line.starts_with("u0: exit ") && line != "u0: exit 0");
    });
}

/// Watches a started guest until the verdict.
Result<void> watch(Hypervisor& hypervisor, const InstanceSpec& spec, std::chrono::milliseconds limit,
                   const std::stop_token& stop)
{
    const auto deadline = Clock::now() + limit;
    std::optional<Clock::time_point> sealed_at;
    Clock::time_point quiet_since = Clock::now();
    std::uintmax_t seen = 0;
    while (true) {
        const auto ended = hypervisor.wait(spec.name, poll_interval, stop);
        if (!ended && ended.error().kind != FailureKind::timed_out) {
            return tl::unexpected(ended.error());
        }
        std::error_code ignored;
        if (const auto size = std::filesystem::file_size(spec.console, ignored); !ignored && size != seen) {
            seen = size;
            quiet_since = Clock::now();
        }
        if (!sealed_at && sealed(spec.console)) {
            sealed_at = Clock::now();
        }
        const bool settled = sealed_at && (Clock::now() >= quiet_since + settle_time ||
                                           Clock::now() >= *sealed_at + settle_limit);
        const bool bad_end = ended && (!sealed_at || *ended != InstanceState::shut_off);
        if (bad_end || ((ended || settled) && failed(spec.console))) {
            return tl::unexpected(boot_failure(FailureKind::invalid,
                                               sealed_at ? "the application ended at once with a failure"
                                                         : "the guest ended before it was sealed",
                                               spec.console));
        }
        if (ended || settled) {
            return {};
        }
        if (Clock::now() >= deadline) {
            return tl::unexpected(boot_failure(
                FailureKind::timed_out,
                "the guest was not sealed within " + std::to_string(limit.count()) + " ms", spec.console));
        }
    }
}

}  // namespace

Result<void> boot_check(Hypervisor& hypervisor, const std::filesystem::path& image,
                        const nlohmann::json& description, std::chrono::milliseconds limit,
                        const std::stop_token& stop)
{
    auto folder = TemporaryDirectory::create("unikernel-boot");
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    std::error_code error;  // a system daemon's QEMU may run as another user
    std::filesystem::permissions(folder->path(), std::filesystem::perms(0755), error);
    InstanceSpec spec;
    spec.name = "boot-check-" + folder->path().filename().string();
    spec.image = image;
    spec.description = description;
    spec.outbound = false;
    spec.console = folder->path() / "console.log";
    if (auto started = hypervisor.start(spec); !started) {
        return tl::unexpected(started.error());
    }
    auto verdict = watch(hypervisor, spec, limit, stop);
    static_cast<void>(hypervisor.destroy(spec.name));
    return verdict;
}

}  // namespace unikernel
