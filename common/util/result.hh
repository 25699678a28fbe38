// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace unikernel
{

/// What a caller can do about a failure; only as fine as callers act on it.
enum class FailureKind {
    invalid,  ///< the input is at fault; the text names the thing, the limit and the way out
    not_found,
    conflict,      ///< it exists already, or is in use
    unresolvable,  ///< modules cannot be combined
    too_large,
    no_space,  ///< disk full
    timed_out,
    cancelled,
    unavailable,  ///< something we depend on does not answer
    internal      ///< a bug of ours
};

/// A failure with a sentence for people: what happened, why, and what to do.
struct Failure {
    FailureKind kind = FailureKind::internal;
    std::string message;
};

template <typename T>
using Result = tl::expected<T, Failure>;

/// `return fail(FailureKind::invalid, "spec.name: ...");`
inline tl::unexpected<Failure> fail(FailureKind kind, std::string message)
{
    return tl::unexpected<Failure>(Failure{kind, std::move(message)});
}

}  // namespace unikernel
