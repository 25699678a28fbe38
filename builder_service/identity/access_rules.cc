// SPDX-License-Identifier: Apache-2.0
#include "builder_service/identity/access_rules.hh"

#include <algorithm>

namespace unikernel
{

namespace
{

struct Piece {
    enum class Kind { byte, segment, rest };
    Kind kind;
    char byte = 0;
};

std::vector<Piece> pieces_of(std::string_view pattern)
{
    std::vector<Piece> pieces;
    for (std::size_t at = 0; at < pattern.size(); ++at) {
        const auto end = pattern[at] == '{' ? pattern.find('}', at) : std::string_view::npos;
        if (end != std::string_view::npos) {
            pieces.push_back({Piece::Kind::segment});
            at = end;
        } else if (pattern[at] != '*') {
            pieces.push_back({Piece::Kind::byte, pattern[at]});
        } else if (pattern.substr(at).starts_with("**")) {
            pieces.push_back({Piece::Kind::rest});
            ++at;
        } else {
            pieces.push_back({Piece::Kind::segment});
        }
    }
    return pieces;
}

}  // namespace

bool path_matches(std::string_view pattern, std::string_view path)
{
    // reached[n]: the pieces so far take exactly the first n bytes. Time is bounded by the product of both
    // lengths, whatever the pattern; a regular expression's would not be.
    std::vector<bool> reached(path.size() + 1);
    reached[0] = true;
    for (const auto& piece : pieces_of(pattern)) {
        std::vector<bool> next(path.size() + 1);
        if (piece.kind == Piece::Kind::rest)
            next[0] = reached[0];
        for (std::size_t n = 0; n < path.size(); ++n) {
            if (piece.kind == Piece::Kind::byte)
                next[n + 1] = reached[n] && path[n] == piece.byte;
            else if (piece.kind == Piece::Kind::segment)
                next[n + 1] = (reached[n] || next[n]) && path[n] != '/';
            else
                next[n + 1] = reached[n + 1] || next[n];
        }
        reached = std::move(next);
    }
    return reached[path.size()];
}

bool allowed_by(const std::vector<AccessRule>& rules, std::string_view service, std::string_view method,
                std::string_view path)
{
    return std::any_of(rules.begin(), rules.end(), [&](const AccessRule& rule) {
        return rule.method == method && rule.service == service && path_matches(rule.path, path);
    });
}

}  // namespace unikernel
