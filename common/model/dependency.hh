// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "common/util/result.hh"

namespace unikernel
{

/// The order of versions is that of Debian Policy 5.6.12, in which "1.0~rc1" < "1.0" < "1.0.1" and digits are
/// compared as numbers. Negative, 0 or positive, as strcmp.
int compare_versions(std::string_view a, std::string_view b);

/// One bound of a version range: ">= 1.2".
struct VersionBound {
    enum class Relation { less, less_or_equal, equal, greater_or_equal, greater };

    Relation relation = Relation::equal;
    std::string version;

    bool admits(std::string_view other) const;
    // NOLINTNEXTLINE(modernize-use-nullptr): it stumbles over a defaulted <=>
    friend auto operator<=>(const VersionBound&, const VersionBound&) = default;
};

/// What a module requires or conflicts with: a module's or a virtual name and, if it matters, a range of
/// versions, all of whose bounds hold: "lwip >= 2.1, < 3".
struct Dependency {
    std::string name;
    std::vector<VersionBound> bounds;

    // NOLINTNEXTLINE(google-explicit-constructor): a name alone is the usual dependency
    Dependency(std::string any_version = {}) : name(std::move(any_version)) {}
    Dependency(const char* any_version) : name(any_version) {}

    /// An empty version, that of an unversioned virtual name, is in no range.
    bool admits(std::string_view version) const;
    // NOLINTNEXTLINE(modernize-use-nullptr): likewise
    friend auto operator<=>(const Dependency&, const Dependency&) = default;
};

/// Errors: invalid, in words that follow "<path>: ".
Result<Dependency> parse_dependency(std::string_view text);
std::string to_string(const Dependency& dependency);

}  // namespace unikernel
