// SPDX-License-Identifier: Apache-2.0
#include "builder_service/sandbox/sandbox.hh"

#include <cerrno>
#include <system_error>

#include <unistd.h>

#include "common/util/file.hh"

namespace unikernel
{

namespace
{

/// bubblewrap's arguments, and the tool's.
std::vector<std::string> confined(const SandboxedTool& tool, const SandboxLimits& limits)
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
    add({"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", tool.working_directory.string(), "--"});
    // Only in here: outside, it would count all processes of the service's user.
    add({"/usr/bin/prlimit", "--nproc=" + std::to_string(limits.processes), "--", tool.program.string()});
    arguments.insert(arguments.end(), tool.arguments.begin(), tool.arguments.end());
    return arguments;
}

/// The same for root, the tool running as `user`: the sandbox stands in a second one, in which that user
/// reaches what `tool` names wherever it lies, and which ends with all in it.
std::vector<std::string> confined_as(uid_t user, SandboxedTool tool, const SandboxLimits& limits)
{
    std::vector<std::string> arguments{
        "--dev-bind", "/",          "/",         "--unshare-pid", "--die-with-parent", "--cap-drop", "ALL",
        "--cap-add",  "CAP_SETUID", "--cap-add", "CAP_SETGID",    "--tmpfs",           "/tmp"};
    const auto add = [&](std::initializer_list<std::string> words) {
        arguments.insert(arguments.end(), words.begin(), words.end());
    };
    const auto move_to = [&](const std::string& place, const char* how, auto& shown) {
        std::map<std::filesystem::path, std::string> moved;
        for (const auto& [host, inside] : shown) {
            const std::string reachable = place + std::to_string(moved.size());
            add({how, host.string(), reachable});
            moved[reachable] = inside;
        }
        shown = std::move(moved);
    };
    move_to("/tmp/read-only-", "--ro-bind", tool.read_only);
    move_to("/tmp/writable-", "--bind", tool.writable);
    const std::string id = std::to_string(user);
    add({"--", "/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--inh-caps=-all", "--"});
    add({"/usr/bin/bwrap"});
    const std::vector<std::string> sandbox = confined(tool, limits);
    arguments.insert(arguments.end(), sandbox.begin(), sandbox.end());
    return arguments;
}

}  // namespace

ProcessSpecification sandboxed(const SandboxedTool& tool, const SandboxLimits& limits)
{
    ProcessSpecification specification;
    specification.program = "bwrap";
    specification.arguments = limits.user ? confined_as(*limits.user, tool, limits) : confined(tool, limits);
    specification.time_limit = limits.time;
    specification.output_limit = limits.output;
    specification.limits.cpu_seconds =
        static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(limits.time).count());
    specification.limits.address_space = limits.memory;
    specification.limits.file_size = limits.file_size;
    specification.limits.open_files = limits.open_files;
    specification.limits.processes = limits.processes;
    specification.limits.core_size = 0;
    return specification;
}

Result<void> make_output(const std::filesystem::path& file, std::optional<uid_t> user)
{
    if (Result<void> made = write_file(file, ""); !made) {
        return made;
    }
    if (user && lchown(file.c_str(), *user, *user) != 0) {
        return tl::unexpected(system_failure(file.string(), errno));
    }
    return {};
}

}  // namespace unikernel
