// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/tool.hh"

#include <csignal>

namespace unikernel
{

namespace
{

/// The end of a tool that was killed: by a limit of ours or by itself. bubblewrap passes a signal on as 128 +
/// n.
Failure killed(const std::string& what, const ProcessSpecification& tool, const ProcessResult& result)
{
    const int number = result.end == ProcessResult::End::signalled ? result.status : result.status - 128;
    if (number == SIGXCPU) {
        return {FailureKind::timed_out, what + " took more than " +
                                            std::to_string(tool.limits.cpu_seconds.value_or(0)) +
                                            " s of processor time"};
    }
    if (number == SIGXFSZ) {
        return {FailureKind::too_large, what + ": the tool wrote a file larger than " +
                                            std::to_string(tool.limits.file_size.value_or(0)) + " bytes"};
    }
    return {FailureKind::internal, what + ": " + tool.program.filename().string() + " was killed by signal " +
                                       std::to_string(number) +
                                       (result.error.empty() ? "" : ":\n" + result.error)};
}

Failure failure_of(const std::string& what, const ProcessSpecification& tool, const ProcessResult& result,
                   const OutputBudget& budget)
{
    using End = ProcessResult::End;
    const std::string printed = result.out + result.error;
    switch (result.end) {
    case End::timed_out:
        return {
            FailureKind::timed_out,
            what + " took more than " +
                std::to_string(std::chrono::duration_cast<std::chrono::seconds>(tool.time_limit).count()) +
                " s"};
    case End::output_limit:
        return {FailureKind::too_large, what + ": the tools printed more than " +
                                            std::to_string(budget.total()) + " bytes; it began with:\n" +
                                            printed.substr(0, 2000)};
    case End::cancelled:
        return {FailureKind::cancelled, what + ": cancelled"};
    case End::signalled:
        return killed(what, tool, result);
    case End::exited:
        break;
    }
    if (printed.find("No space left on device") != std::string::npos) {
        return {FailureKind::no_space, what + ": the disk is full"};
    }
    if (tool.limits.processes && result.error.find("Resource temporarily unavailable") != std::string::npos) {
        return {FailureKind::invalid, what + ": the tool started more than " +
                                          std::to_string(*tool.limits.processes) +
                                          " processes at once, as many as a sandbox may have:\n" + printed};
    }
    if (result.error.starts_with("bwrap: ")) {
        return {FailureKind::unavailable, what + ": the sandbox cannot be made: " + result.error};
    }
    if (result.status > 128 && result.status < 128 + 65) {
        return killed(what, tool, result);
    }
    return {FailureKind::invalid, printed};
}

}  // namespace

Result<std::string> run_tool(ProcessSpecification tool, const std::string& what, OutputBudget& budget,
                             const std::stop_token& stop)
{
    if (stop.stop_requested()) {
        return fail(FailureKind::cancelled, what + ": cancelled");
    }
    tool.output_limit = budget.left();
    const Result<ProcessResult> result = run(tool, stop);
    if (!result) {
        return fail(result.error().kind == FailureKind::not_found ? FailureKind::unavailable
                                                                  : result.error().kind,
                    what + ": " + result.error().message);
    }
    budget.spend(result->out.size() + result->error.size());
    if (!result->ok()) {
        return tl::unexpected(failure_of(what, tool, *result, budget));
    }
    return result->out + result->error;
}

std::string fetch_sources_command(const std::filesystem::path& sources)
{
    std::error_code code;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", code);
    const auto installed = program.parent_path() / "unikernel-fetch-sources";
    return (std::filesystem::exists(installed, code) ? installed.string() : "tools/fetch-sources.sh") +
           " --cache " + sources.string();
}

}  // namespace unikernel
