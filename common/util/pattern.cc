// SPDX-License-Identifier: Apache-2.0
#include "common/util/pattern.hh"

#include <map>
#include <regex>

namespace unikernel
{

bool matches(const std::string& text, const std::string& expression)
{
    // Compiling an expression costs a hundred times what matching a name does, and a manifest has
    // hundreds of names but only a handful of expressions.
    constexpr std::size_t most = 256;
    static thread_local std::map<std::string, std::regex> compiled;
    if (compiled.size() >= most) {
        compiled.clear();
    }
    return std::regex_match(text, compiled.try_emplace(expression, expression).first->second);
}

}  // namespace unikernel
