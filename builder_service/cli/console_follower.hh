// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

namespace unikernel::cli
{

/// Reads what a guest adds to its console log, line by line. A line over `line_limit` is cut into pieces,
/// so that a guest without line ends costs no memory.
class ConsoleFollower
{
public:
    static constexpr std::size_t line_limit = 4096;

    ConsoleFollower(std::filesystem::path console, std::function<void(std::string_view)> line)
        : console_(std::move(console)), line_(std::move(line))
    {
    }
    /// Passes on what is new.
    void poll();
    /// Passes on the rest, also without a line end.
    void finish();

private:
    std::filesystem::path console_;
    std::function<void(std::string_view)> line_;
    std::ifstream file_;
    std::string pending_;
};

/// What the console of an ended guest says about its end (doc: image.rst, "Console lines").
struct ConsoleVerdict {
    enum class End { exited, panicked, power_button, silent };
    End end = End::silent;
    int status = 0;      ///< of `exited`
    std::string reason;  ///< of `panicked`
};
class VerdictReader
{
public:
    void read(std::string_view line);
    const ConsoleVerdict& verdict() const { return verdict_; }

private:
    ConsoleVerdict verdict_;
};

}  // namespace unikernel::cli
