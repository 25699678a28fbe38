// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/exit_code.hh"

namespace unikernel::cli
{

ExitCode exit_code(FailureKind kind)
{
    switch (kind) {
    case FailureKind::invalid:
    case FailureKind::not_found:
    case FailureKind::unresolvable:
    case FailureKind::too_large:
        return rejected;
    case FailureKind::unavailable:
        return unreachable;
    case FailureKind::cancelled:
        return interrupted;
    case FailureKind::conflict:
    case FailureKind::no_space:
    case FailureKind::timed_out:
    case FailureKind::internal:
        break;
    }
    return failed;
}

ExitCode exit_code(BuildState state)
{
    switch (state) {
    case BuildState::succeeded:
        return success;
    case BuildState::rejected:
    case BuildState::unresolvable:
        return rejected;
    case BuildState::cancelled:
        return interrupted;
    default:
        return failed;
    }
}

}  // namespace unikernel::cli
