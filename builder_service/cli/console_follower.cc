// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/console_follower.hh"

#include <array>
#include <charconv>

namespace unikernel::cli
{

void ConsoleFollower::poll()
{
    if (!file_.is_open()) {
        file_.open(console_, std::ios::binary);
    }
    std::array<char, 16384> block{};
    for (;;) {
        file_.clear();  // the last end of file was not the last word
        file_.read(block.data(), block.size());
        const auto got = static_cast<std::size_t>(file_.gcount());
        if (got == 0) {
            return;
        }
        pending_.append(block.data(), got);
        std::size_t begin = 0;
        for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', begin)) {
            std::string_view line(pending_.data() + begin, end - begin);
            if (line.ends_with('\r')) {
                line.remove_suffix(1);
            }
            line_(line.substr(0, line_limit));
            begin = end + 1;
        }
        pending_.erase(0, begin);
        if (pending_.size() > line_limit) {
            line_(pending_);
            pending_.clear();
        }
    }
}

void ConsoleFollower::finish()
{
    poll();
    if (!pending_.empty()) {
        line_(pending_);
        pending_.clear();
    }
}

void VerdictReader::read(std::string_view line)
{
    constexpr std::string_view exit = "u0: exit ";
    constexpr std::string_view panic = "u0: panic: ";
    if (line.starts_with(exit)) {
        int status = 0;
        const auto number = line.substr(exit.size());
        if (std::from_chars(number.data(), number.data() + number.size(), status).ec == std::errc()) {
            verdict_ = {ConsoleVerdict::End::exited, status, ""};
        }
    } else if (line.starts_with(panic)) {
        verdict_ = {ConsoleVerdict::End::panicked, 0, std::string(line.substr(panic.size()))};
    } else if (line == "u0: power button") {
        verdict_ = {ConsoleVerdict::End::power_button, 0, ""};
    }
}

}  // namespace unikernel::cli
