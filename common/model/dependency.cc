// SPDX-License-Identifier: Apache-2.0
#include "common/model/dependency.hh"

#include <algorithm>
#include <array>
#include <regex>
#include <utility>

#include "common/model/solver.hh"

namespace unikernel
{

namespace
{

using Relation = VersionBound::Relation;

constexpr std::array<std::pair<std::string_view, Relation>, 5> relations{{{"<", Relation::less},
                                                                          {"<=", Relation::less_or_equal},
                                                                          {"=", Relation::equal},
                                                                          {">=", Relation::greater_or_equal},
                                                                          {">", Relation::greater}}};

std::string_view word(Relation relation)
{
    return relations[static_cast<std::size_t>(relation)].first;
}

}  // namespace

int compare_versions(std::string_view a, std::string_view b)
{
    return solver::compare_versions(std::string(a), std::string(b));
}

bool VersionBound::admits(std::string_view other) const
{
    const int order = compare_versions(other, version);
    switch (relation) {
    case Relation::less:
        return order < 0;
    case Relation::less_or_equal:
        return order <= 0;
    case Relation::equal:
        return order == 0;
    case Relation::greater_or_equal:
        return order >= 0;
    case Relation::greater:
        return order > 0;
    }
    return false;
}

bool Dependency::admits(std::string_view version) const
{
    return bounds.empty() ||
           (!version.empty() && std::all_of(bounds.begin(), bounds.end(), [&](const VersionBound& bound) {
               return bound.admits(version);
           }));
}

Result<Dependency> parse_dependency(std::string_view text)
{
    constexpr std::size_t longest = 512;  // bytes; std::regex's stack use grows with the text
    static const std::regex form(
        R"(([a-z0-9][a-z0-9-]{0,62})((?: *(?:, *)?(?:<|<=|=|>=|>) *[0-9][A-Za-z0-9.+~-]{0,63})*))");
    static const std::regex bound(R"((<=|>=|<|>|=) *([0-9][A-Za-z0-9.+~-]*))");
    std::cmatch parts;
    if (text.size() > longest || !std::regex_match(text.data(), text.data() + text.size(), parts, form)) {
        return fail(FailureKind::invalid, "\"" + std::string(text.substr(0, longest)) +
                                              "\" is neither a name nor a name with a range such as "
                                              "\"lwip >= 2.1, < 3\"");
    }
    Dependency result(parts.str(1));
    const std::string range = parts.str(2);
    for (std::sregex_iterator it(range.begin(), range.end(), bound), end; it != end; ++it) {
        const auto relation = std::find_if(relations.begin(), relations.end(),
                                           [&](const auto& known) { return known.first == it->str(1); });
        result.bounds.push_back({relation->second, it->str(2)});
    }
    return result;
}

std::string to_string(const Dependency& dependency)
{
    std::string text = dependency.name;
    for (const VersionBound& bound : dependency.bounds) {
        text += (&bound == &dependency.bounds.front() ? " " : ", ") + std::string(word(bound.relation)) +
                " " + bound.version;
    }
    return text;
}

}  // namespace unikernel
