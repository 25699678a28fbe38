// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include <unistd.h>

#include "builder_service/sandbox/sandbox.hh"

namespace unikernel
{

namespace
{

/// Between the numbers that systemd gives to containers and those that do not fit into 31 bits: nobody's.
constexpr uid_t nobodys_user = 1'879'100'000;

/// What a sandbox said in which a shell started more processes than it may.
struct Trial {
    bool made = false, bounded = false;
    std::string words;
};

Result<Trial> try_sandbox(std::optional<uid_t> user)
{
    SandboxedTool tool;
    tool.program = "/usr/bin/sh";
    tool.arguments = {"-c", "echo made; for i in 1 2 3 4 5 6 7 8; do sleep 9 & done"};
    SandboxLimits limits;
    limits.time = std::chrono::seconds(10);
    limits.processes = 5;
    limits.user = user;
    const Result<ProcessResult> result = run(sandboxed(tool, limits));
    if (!result) {
        return fail(FailureKind::unavailable,
                    "sandbox: bubblewrap is not installed (apt-get install bubblewrap): " +
                        result.error().message);
    }
    const bool made = result->out == "made\n";
    return Trial{made, made && !result->ok(), result->error.substr(0, result->error.find('\n'))};
}

Result<Confinement> look()
{
    std::string why;
    if (geteuid() == 0) {
        const Result<Trial> as_user = try_sandbox(nobodys_user);
        if (!as_user) {
            return tl::unexpected(as_user.error());
        }
        if (as_user->bounded) {
            return Confinement{nobodys_user, true,
                               "bubblewrap works; tools run as user " + std::to_string(nobodys_user)};
        }
        why = as_user->words;
    }
    const Result<Trial> plain = try_sandbox(std::nullopt);
    if (!plain) {
        return tl::unexpected(plain.error());
    }
    if (!plain->made) {
        return fail(FailureKind::unavailable,
                    "sandbox: bubblewrap cannot create its namespaces (" + plain->words +
                        "); allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1) "
                        "or run the service as root");
    }
    if (!plain->bounded) {
        return Confinement{std::nullopt, false,
                           "bubblewrap works, but tools run as root, who may start any number of processes: "
                           "they cannot run as another user (" +
                               why + ")"};
    }
    return Confinement{std::nullopt, true, "bubblewrap works"};
}

}  // namespace

Result<Confinement> confinement()
{
    static std::mutex mutex;
    static std::optional<Confinement> known;
    const std::scoped_lock lock(mutex);
    if (!known) {
        Result<Confinement> found = look();
        if (!found) {
            return found;  // not remembered: it may be mended meanwhile
        }
        known = std::move(*found);
    }
    return *known;
}

}  // namespace unikernel
