// SPDX-License-Identifier: Apache-2.0
#include "common/util/pattern.hh"

#include <map>
#include <regex>

namespace unikernel
{

namespace
{

/// By default libstdc++ goes back and forth over the text, some hundred bytes of stack for each byte and
/// group of it: 8 MiB were not enough for 4 KiB.
constexpr auto flags = std::regex::ECMAScript | std::regex_constants::__polynomial;

}  // namespace

std::optional<std::string> wrong_with_pattern(const std::string& expression)
{
    try {
        const std::regex compiled(expression, flags);
    } catch (const std::regex_error& error) {
        return error.what();
    }
    return std::nullopt;
}

bool matches(const std::string& text, const std::string& expression)
{
    // Compiling an expression costs a hundred times what matching a name does, and a manifest has
    // hundreds of names but only a handful of expressions.
    constexpr std::size_t most = 256;
    static thread_local std::map<std::string, std::regex> compiled;
    if (compiled.size() >= most) {
        compiled.clear();
    }
    return std::regex_match(text, compiled.try_emplace(expression, expression, flags).first->second);
}

}  // namespace unikernel
