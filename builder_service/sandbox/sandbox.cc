// SPDX-License-Identifier: Apache-2.0
#include "builder_service/sandbox/sandbox.hh"

#include <system_error>

namespace unikernel
{

ProcessSpecification sandboxed(const SandboxedTool& tool, const SandboxLimits& limits)
{
    std::vector<std::string> arguments{"--unshare-all",
                                       "--unshare-user",
                                       "--uid",
                                       "65534",
                                       "--gid",
                                       "65534",
                                       "--hostname",
                                       "build",
                                       "--disable-userns",
                                       "--die-with-parent",
                                       "--new-session",
                                       "--cap-drop",
                                       "ALL",
                                       "--clearenv"};
    const auto add = [&](std::initializer_list<std::string> words) {
        arguments.insert(arguments.end(), words.begin(), words.end());
    };
    add({"--setenv", "PATH", "/usr/bin"});
    add({"--setenv", "LC_ALL", "C.UTF-8"});
    add({"--setenv", "SOURCE_DATE_EPOCH", "0"});
    add({"--setenv", "TMPDIR", "/tmp"});
    add({"--ro-bind", "/usr", "/usr"});
    for (const char* link : {"/bin", "/lib", "/lib32", "/lib64", "/libx32"}) {
        std::error_code error;
        if (const auto target = std::filesystem::read_symlink(link, error); !error) {
            add({"--symlink", target.string(), link});
        } else if (std::filesystem::is_directory(link, error)) {  // not a merged /usr
            add({"--ro-bind", link, link});
        }
    }
    add({"--ro-bind-try", "/etc/alternatives", "/etc/alternatives"});
    add({"--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"});
    add({"--proc", "/proc", "--dev", "/dev", "--size", std::to_string(limits.memory), "--tmpfs", "/tmp"});
    add({"--dir", "/build"});
    for (const auto& [host, inside] : tool.read_only) {
        add({"--ro-bind", host.string(), inside});
    }
    for (const auto& [host, inside] : tool.writable) {
        add({"--bind", host.string(), inside});
    }
    add({"--remount-ro", "/", "--chdir", tool.working_directory.string(), "--"});
    // Only in here: outside, it would count all processes of the service's user.
    add({"/usr/bin/prlimit", "--nproc=" + std::to_string(limits.processes), "--", tool.program.string()});
    arguments.insert(arguments.end(), tool.arguments.begin(), tool.arguments.end());

    ProcessSpecification specification;
    specification.program = "bwrap";
    specification.arguments = std::move(arguments);
    specification.time_limit = limits.time;
    specification.output_limit = limits.output;
    specification.limits.cpu_seconds =
        static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(limits.time).count());
    specification.limits.address_space = limits.memory;
    specification.limits.file_size = limits.file_size;
    specification.limits.open_files = limits.open_files;
    specification.limits.core_size = 0;
    return specification;
}

Result<void> check_sandbox()
{
    SandboxedTool tool;
    tool.program = "/usr/bin/true";
    SandboxLimits limits;
    limits.time = std::chrono::seconds(10);
    const Result<ProcessResult> result = run(sandboxed(tool, limits));
    if (!result) {
        return fail(FailureKind::unavailable,
                    "sandbox: bubblewrap is not installed (apt-get install bubblewrap): " +
                        result.error().message);
    }
    if (!result->ok()) {
        return fail(FailureKind::unavailable,
                    "sandbox: bubblewrap cannot create its namespaces (" +
                        result->error.substr(0, result->error.find('\n')) +
                        "); allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1) "
                        "or run the service as root");
    }
    return {};
}

}  // namespace unikernel
