// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "u0/types.hh"

namespace u0
{

/// The functions that implement one hook point, in order of installation.  A list of compile-time
/// constants: the calls are direct, nothing of it exists in the running image's data, and an empty
/// chain compiles to nothing.  Generated into `hooks.gen.hh`; never written by hand.
template <typename Signature, Signature*... functions>
class Chain
{
public:
    static constexpr std::size_t size() { return sizeof...(functions); }
    static constexpr bool empty() { return size() == 0; }

    /// Calls each in order and drops their results.
    template <typename... Arguments>
    [[gnu::always_inline]] inline void operator()(Arguments&&... arguments) const
    {
        (static_cast<void>(functions(arguments...)), ...);
    }

    /// Calls each (none is left out) and tells whether one of them returned true.
    template <typename... Arguments>
    [[gnu::always_inline]] inline bool any(Arguments&&... arguments) const
    {
        bool found = false;
        ((found = static_cast<bool>(functions(arguments...)) || found), ...);
        return found;
    }

    /// Calls each in order until one returns false; true when none did, so also for an empty chain.
    template <typename... Arguments>
    [[gnu::always_inline]] inline bool all(Arguments&&... arguments) const
    {
        return (static_cast<bool>(functions(arguments...)) && ...);
    }

    /// Calls each in order until one returns true; false when none did.
    template <typename... Arguments>
    [[gnu::always_inline]] inline bool first(Arguments&&... arguments) const
    {
        return (static_cast<bool>(functions(arguments...)) || ...);
    }

    /// The least of `limit` and all their results.
    template <typename Value, typename... Arguments>
    [[gnu::always_inline]] inline Value least(Value limit, Arguments&&... arguments) const
    {
        [[maybe_unused]] const auto lower = [&limit](Value value) {
            if (value < limit)
                limit = value;
        };
        (lower(functions(arguments...)), ...);
        return limit;
    }

    /// Calls `visit(function)` with each function, for points whose results need their own treatment.
    template <typename Visitor>
    [[gnu::always_inline]] inline void each(Visitor&& visit) const
    {
        (visit(functions), ...);
    }
};

}  // namespace u0
