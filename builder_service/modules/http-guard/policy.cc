// SPDX-License-Identifier: Apache-2.0
#include "policy.hh"

#include "target.hh"
#include "text.hh"

namespace u0::http_guard
{

namespace
{

bool names_method(const Resource& resource, std::string_view method)
{
    for (const std::string_view name : resource.methods)
        if (equal_nocase(name, method) || (equal_nocase(method, "HEAD") && equal_nocase(name, "GET")))
            return true;
    return resource.methods.empty();
}

/// The path itself or one below it.
bool covers(std::string_view prefix, std::string_view path)
{
    return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

/// The same for a reader of whom nothing is known: in any case of letters, and the prefix ends at any byte
/// that cannot be part of an ordinary name.
bool covers_loosely(std::string_view prefix, std::string_view path)
{
    if (!equal_nocase(path.substr(0, prefix.size()), prefix))
        return false;
    return path.size() == prefix.size() || !is_unreserved(path[prefix.size()]);
}

/// The most specific of the rules seen; equally specific ones have to agree.
class Longest
{
public:
    void consider(const Resource& resource, bool exact)
    {
        const std::size_t size = resource.path.size();
        if (!found_ || size > size_ || (size == size_ && exact && !exact_)) {
            accepted_ = resource.accepted;
            size_ = size;
            exact_ = exact;
            found_ = true;
        } else if (size == size_ && exact == exact_) {
            accepted_ &= resource.accepted;
        }
    }

    /// Adds this rule's word to what was decided for other readings.
    void restrict(bool& found, CredentialSet& accepted) const
    {
        if (found_)
            accepted &= accepted_;
        found = found || found_;
    }

private:
    CredentialSet accepted_ = 0;
    std::size_t size_ = 0;
    bool exact_ = false, found_ = false;
};

}  // namespace

Access decide(const Policy& policy, std::string_view method, std::string_view path)
{
    bool found = false;
    CredentialSet accepted = ~CredentialSet{0};
    Longest exact;
    for (const Resource& resource : policy.resources)
        if (names_method(resource, method) && covers(resource.path, path))
            exact.consider(resource, true);
    exact.restrict(found, accepted);

    const auto read_loosely = [&](std::string_view view) {
        Longest loose;
        for (const Resource& resource : policy.resources)
            if (names_method(resource, method) && covers_loosely(resource.path, view))
                loose.consider(resource, covers(resource.path, view));
        loose.restrict(found, accepted);
    };
    read_loosely(path);
    if (!show_other_views(path, read_loosely))
        return {.undecidable = true};

    if (found)
        return {.accepted = accepted};
    const std::size_t count = policy.credentials.size();
    const CredentialSet everyone = count == 64 ? ~CredentialSet{0} : (CredentialSet{1} << count) - 1;
    return policy.unlisted_allowed ? Access{.open = true} : Access{.accepted = everyone};
}

}  // namespace u0::http_guard
