// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder_service/cli/exit_code.hh"

namespace unikernel::cli
{

/// Where a command's words go: results to standard output, all else to standard error.
class Output
{
public:
    Output(bool json, bool quiet);

    bool json() const { return json_; }
    bool quiet() const { return quiet_; }
    bool terminal() const { return terminal_; }  ///< standard error is one

    /// A line of the result; nothing with --json or --quiet.
    void line(std::string_view text) const;
    /// Two columns, aligned.
    void table(const std::vector<std::pair<std::string, std::string>>& rows) const;
    /// Columns under headings.
    void table(const std::vector<std::string>& headings,
               const std::vector<std::vector<std::string>>& rows) const;
    /// The result for programs; nothing without --json.
    void document(const nlohmann::json& document) const;
    /// On the way, to standard error; nothing with --quiet.
    void note(std::string_view text) const;
    /// The next command to type: the last line of what went well.
    void next(std::string_view command) const;
    /// What went wrong, always said. Answers the exit code for `return output.error(failure)`.
    ExitCode error(const Failure& failure) const;
    ExitCode error(ExitCode code, std::string_view text) const;

private:
    bool json_, quiet_, terminal_;
};

/// "1.4 MiB", "823 bytes".
std::string human_bytes(std::uint64_t bytes);
/// "0.35 s", "2 min 3 s".
std::string human_time(std::chrono::milliseconds duration);
/// The value of a key as people read it; empty if there is none.
std::string text_of(const nlohmann::json& document, const char* key);
/// Without control characters, which could steer a terminal.
std::string printable(std::string_view text);

}  // namespace unikernel::cli
