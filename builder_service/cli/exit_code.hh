// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder_service/pipeline/pipeline.hh"
#include "common/util/result.hh"

namespace unikernel::cli
{

/// What scripts may rely on; listed in `unikernel --help`.
enum ExitCode : int {
    success = 0,
    failed = 1,         ///< the build, the unikernel or a check failed
    usage = 2,          ///< wrong command line
    rejected = 3,       ///< the input is at fault: spec, requirement, source bundle, image
    unreachable = 4,    ///< the service, libvirt or something else that is needed does not answer
    interrupted = 130,  ///< by Ctrl-C or SIGTERM
};

ExitCode exit_code(FailureKind kind);
ExitCode exit_code(BuildState state);

}  // namespace unikernel::cli
