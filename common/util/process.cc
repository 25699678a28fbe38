// SPDX-License-Identifier: Apache-2.0
#include "common/util/process.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util/file.hh"

namespace unikernel
{

namespace
{

using Clock = std::chrono::steady_clock;

struct Pipe {
    FileDescriptor read, write;
};

Result<Pipe> make_pipe(int flags = 0)
{
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC | flags) != 0) {
        return tl::unexpected(system_failure("pipe", errno));
    }
    return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// PATH look-up before fork: between fork and exec only async-signal-safe calls are allowed.
std::optional<std::string> find_program(const std::filesystem::path& program)
{
    if (program.string().find('/') != std::string::npos) {
        return access(program.c_str(), X_OK) == 0 ? std::optional(program.string()) : std::nullopt;
    }
    const char* variable = std::getenv("PATH");
    std::string path = variable != nullptr ? variable : "/usr/bin:/bin";
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find(':', begin), path.size());
        std::string candidate = (std::filesystem::path(path.substr(begin, end - begin)) / program).string();
        if (access(candidate.c_str(), X_OK) == 0) {
            return candidate;
        }
        begin = end + 1;
    }
    return std::nullopt;
}

struct Limit {
    int resource;
    std::uint64_t value;
};

std::vector<Limit> limit_list(const ProcessLimits& limits)
{
    std::vector<Limit> list;
    const auto add = [&](int resource, const std::optional<std::uint64_t>& value) {
        if (value) {
            list.push_back({resource, *value});
        }
    };
    add(RLIMIT_CPU, limits.cpu_seconds);
    add(RLIMIT_AS, limits.address_space);
    add(RLIMIT_FSIZE, limits.file_size);
    add(RLIMIT_NOFILE, limits.open_files);
    add(RLIMIT_CORE, limits.core_size);
    return list;
}

/// All a child needs, prepared by the parent so that the child allocates nothing.
struct Launch {
    const char* program;
    char* const* arguments;
    char* const* environment;
    const char* directory;  ///< or null
    const std::vector<Limit>& limits;
    int in, out, error, report;
};

[[noreturn]] void child(const Launch& launch)
{
    const auto give_up = [&] {
        const int code = errno;
        [[maybe_unused]] const ssize_t ignored = write(launch.report, &code, sizeof code);
        _exit(127);
    };
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(launch.in, 0) < 0 || dup2(launch.out, 1) < 0 || dup2(launch.error, 2) < 0) {
        give_up();
    }
    // Everything else closes at exec, also what a careless library opened without O_CLOEXEC.
    syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (const Limit& limit : launch.limits) {
        rlimit wanted{limit.value, limit.value};
        if (limit.resource == RLIMIT_CPU) {
            wanted.rlim_max = limit.value + 1;  // SIGXCPU first, then SIGKILL
        }
        if (setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &wanted) != 0) {
            give_up();
        }
    }
    if (launch.directory != nullptr && chdir(launch.directory) != 0) {
        give_up();
    }
    execve(launch.program, launch.arguments, launch.environment);
    give_up();
    _exit(127);
}

/// Reads what is there. False at end of file.
bool drain(int fd, std::string& into, std::uint64_t& budget, bool& over)
{
    static thread_local std::array<char, 65536> block;
    while (true) {
        const ssize_t got = read(fd, block.data(), block.size());
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (got == 0) {
            return false;
        }
        const auto count = std::min<std::uint64_t>(static_cast<std::uint64_t>(got), budget);
        into.append(block.data(), count);
        budget -= count;
        if (count < static_cast<std::uint64_t>(got)) {
            over = true;
            return false;
        }
    }
}

/// Waits for the end of `pid` while collecting its output; kills the group in every case.
ProcessResult supervise(pid_t pid, const FileDescriptor& handle, const FileDescriptor& wake,
                        FileDescriptor out, FileDescriptor error, const ProcessSpecification& specification,
                        const std::stop_token& stop)
{
    ProcessResult result;
    std::uint64_t budget = specification.output_limit;
    bool over = false;
    const std::stop_callback on_stop(stop, [&] { eventfd_write(wake.get(), 1); });
    const auto deadline = Clock::now() + specification.time_limit;

    bool running = true;
    while (running) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        std::array<pollfd, 4> wait{{{handle.get(), POLLIN, 0},
                                    {wake.get(), POLLIN, 0},
                                    {out.get(), POLLIN, 0},
                                    {error.get(), POLLIN, 0}}};
        poll(wait.data(), wait.size(), static_cast<int>(std::clamp<long long>(left, 0, 60'000)));
        if (out && wait[2].revents != 0 && !drain(out.get(), result.out, budget, over)) {
            out.reset();
        }
        if (error && wait[3].revents != 0 && !drain(error.get(), result.error, budget, over)) {
            error.reset();
        }
        if (over) {
            result.end = ProcessResult::End::output_limit;
        } else if (wait[1].revents != 0) {
            result.end = ProcessResult::End::cancelled;
        } else if (left <= 0 && wait[0].revents == 0) {
            result.end = ProcessResult::End::timed_out;
        }
        running = wait[0].revents == 0 && result.end == ProcessResult::End::exited;
    }
    kill(-pid, SIGKILL);  // grandchildren do not outlive the tool, whatever it ended by
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (out) {
        drain(out.get(), result.out, budget, over);
    }
    if (error) {
        drain(error.get(), result.error, budget, over);
    }
    if (over) {
        result.end = ProcessResult::End::output_limit;
    }
    if (result.end == ProcessResult::End::exited) {
        result.end = WIFSIGNALED(status) ? ProcessResult::End::signalled : ProcessResult::End::exited;
        result.status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
    return result;
}

std::vector<char*> pointers(std::vector<std::string>& words)
{
    std::vector<char*> list;
    list.reserve(words.size() + 1);
    for (std::string& word : words) {
        list.push_back(word.data());
    }
    list.push_back(nullptr);
    return list;
}

}  // namespace

std::string ProcessSpecification::command_line() const
{
    std::string text = program.string();
    for (const std::string& word : arguments) {
        const bool plain =
            !word.empty() && word.find_first_of(" \t\n\"'\\$`*?[]{}()<>|&;#~!") == std::string::npos;
        text += ' ';
        if (plain) {
            text += word;
            continue;
        }
        text += '\'';
        for (const char c : word) {
            text += c == '\'' ? std::string("'\\''") : std::string(1, c);
        }
        text += '\'';
    }
    return text;
}

Result<ProcessResult> run(const ProcessSpecification& specification, const std::stop_token& stop)
{
    const std::optional<std::string> program = find_program(specification.program);
    if (!program) {
        return fail(FailureKind::not_found, specification.program.string() + ": no such program");
    }
    std::vector<std::string> words{specification.program.string()};
    words.insert(words.end(), specification.arguments.begin(), specification.arguments.end());
    std::vector<std::string> variables;
    for (const auto& [name, value] : specification.environment) {
        variables.push_back(name);
        variables.back().append("=").append(value);
    }
    const std::vector<char*> arguments = pointers(words);
    const std::vector<char*> environment = pointers(variables);
    const std::vector<Limit> limits = limit_list(specification.limits);

    Result<Pipe> in = make_pipe();
    Result<Pipe> out = make_pipe();
    Result<Pipe> error = make_pipe();
    Result<Pipe> report = make_pipe();
    const FileDescriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!in || !out || !error || !report || !wake) {
        return fail(FailureKind::internal, specification.program.string() + ": no file descriptor left");
    }
    if (!specification.input.empty()) {
        // A pipe holds 64 KiB: written before the start, so no thread is needed to feed it.
        if (specification.input.size() > 65'536 ||
            write(in->write.get(), specification.input.data(), specification.input.size()) !=
                static_cast<ssize_t>(specification.input.size())) {
            return fail(FailureKind::internal, "standard input of more than 64 KiB");
        }
    }
    in->write.reset();

    const std::string directory = specification.working_directory.string();
    const Launch launch{program->c_str(),
                        arguments.data(),
                        environment.data(),
                        directory.empty() ? nullptr : directory.c_str(),
                        limits,
                        in->read.get(),
                        out->write.get(),
                        error->write.get(),
                        report->write.get()};
    const pid_t pid = fork();
    if (pid < 0) {
        return tl::unexpected(system_failure("fork", errno));
    }
    if (pid == 0) {
        child(launch);
    }
    setpgid(pid, pid);  // here too: whoever comes first
    in->read.reset();
    out->write.reset();
    error->write.reset();
    report->write.reset();
    int code = 0;
    ssize_t got = 0;
    do {
        got = read(report->read.get(), &code, sizeof code);
    } while (got < 0 && errno == EINTR);
    if (got == sizeof code) {
        waitpid(pid, nullptr, 0);
        return tl::unexpected(system_failure(*program + ": cannot be started", code));
    }
    const FileDescriptor handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!handle) {  // its end could not be seen
        const Failure why = system_failure(*program + ": cannot be watched", errno);
        kill(-pid, SIGKILL);
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        return tl::unexpected(why);
    }
    fcntl(out->read.get(), F_SETFL, O_NONBLOCK);
    fcntl(error->read.get(), F_SETFL, O_NONBLOCK);
    return supervise(pid, handle, wake, std::move(out->read), std::move(error->read), specification, stop);
}

}  // namespace unikernel
