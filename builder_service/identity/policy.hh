// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "builder_service/identity/policy_rule.hh"

namespace unikernel
{

/// Who may do what: rules compiled in, and an operator's policy.yaml over them (oslo.policy's form: a
/// mapping of rule names to expressions). The file is read again when it changed; one that became wrong is
/// reported in the log, and the rules stay as they were. Thread-safe.
class Policy
{
public:
    /// `file` may be empty: the rules compiled in. Errors: invalid, naming file, line and rule; not_found.
    static Result<std::unique_ptr<Policy>> open(const std::filesystem::path& file = {});
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;

    /// Whether the caller may do it in its own project; false for a rule that does not exist.
    bool allows(std::string_view rule, const Caller& caller);

    /// The rules compiled in, as a policy.yaml with a comment for each.
    static std::string sample();
    /// Whether a rule of this name is compiled in.
    static bool knows(std::string_view rule);

private:
    using Rules = std::map<std::string, PolicyRule, std::less<>>;
    struct Stamp {
        std::filesystem::file_time_type time;
        std::uintmax_t bytes = 0;
        bool operator==(const Stamp&) const = default;
    };
    explicit Policy(std::filesystem::path file) : file_(std::move(file)) {}
    static Result<Rules> read(const std::filesystem::path& file);
    Stamp stamp() const;
    std::shared_ptr<const Rules> current();

    const std::filesystem::path file_;
    std::mutex mutex_;
    std::shared_ptr<const Rules> rules_;
    Stamp stamp_;
    std::chrono::steady_clock::time_point looked_;
};

}  // namespace unikernel
