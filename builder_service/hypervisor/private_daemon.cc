// SPDX-License-Identifier: Apache-2.0
#include "builder_service/hypervisor/private_daemon.hh"

#include <chrono>
#include <cstdlib>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/util/process.hh"

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

constexpr std::string_view prefix = "unikernel-libvirt";
constexpr std::chrono::seconds start_limit{20};

/// The shortest folder there is for sockets.
fs::path runtime_folder()
{
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    struct stat found {
    };
    if (runtime != nullptr && stat(runtime, &found) == 0 && S_ISDIR(found.st_mode) &&
        found.st_uid == geteuid()) {
        return runtime;
    }
    return "/tmp";
}

FileDescriptor lock_folder(const fs::path& folder)
{
    FileDescriptor lock(open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (lock && flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        lock.reset();
    }
    return lock;
}

/// Removes what killed processes left: folders of ours that nobody holds locked.
void sweep(const fs::path& parent)
{
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(parent, ignored)) {
        struct stat found {
        };
        if (entry.path().filename().native().starts_with(prefix) &&
            lstat(entry.path().c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
            fs::exists(entry.path() / "lock", ignored) && lock_folder(entry.path())) {
            fs::remove_all(entry.path(), ignored);
        }
    }
}

ProcessSpecification specification(const fs::path& folder, const fs::path& cache)
{
    // libvirtd is "privileged", with all paths fixed, if its user id is 0; so inside it never is.
    const std::string user = std::to_string(geteuid() == 0 ? 1000 : geteuid());
    const std::string group = std::to_string(geteuid() == 0 ? 1000 : getegid());
    ProcessSpecification daemon;
    daemon.program = "bwrap";
    daemon.arguments = {"--unshare-user",
                        "--uid",
                        user,
                        "--gid",
                        group,
                        "--unshare-pid",
                        "--die-with-parent",
                        "--dev-bind",
                        "/",
                        "/",
                        "--proc",
                        "/proc",
                        "--",
                        "libvirtd",
                        "--config",
                        (folder / "config/libvirt/libvirtd.conf").native()};
    daemon.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                          {"HOME", folder.native()},
                          {"LC_ALL", "C"},
                          {"XDG_CONFIG_HOME", (folder / "config").native()},
                          {"XDG_CACHE_HOME", cache.native()},
                          {"XDG_DATA_HOME", (folder / "data").native()},
                          {"XDG_RUNTIME_DIR", (folder / "run").native()}};
    daemon.working_directory = folder;
    daemon.time_limit = std::chrono::hours(24 * 365 * 10);
    return daemon;
}

/// The socket's file appears before the daemon listens on it.
bool listens(const fs::path& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) {
        return false;
    }
    path.native().copy(address.sun_path, path.native().size());
    const FileDescriptor client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

Failure unavailable(const std::string& why)
{
    return {FailureKind::unavailable,
            "no libvirt daemon runs here, and one of our own does not start: " + why +
                "; do: apt-get install bubblewrap libvirt-daemon "
                "libvirt-daemon-driver-qemu qemu-system-x86"};
}

}  // namespace

PrivateDaemon::PrivateDaemon(TemporaryDirectory folder, FileDescriptor lock)
    : folder_(std::move(folder)), lock_(std::move(lock))
{
}

PrivateDaemon::~PrivateDaemon() = default;

std::string PrivateDaemon::uri() const
{
    return "qemu+unix:///session?socket=" + (folder_.path() / "run/libvirt/libvirt-sock").native();
}

Result<std::unique_ptr<PrivateDaemon>> PrivateDaemon::start(const fs::path& cache)
{
    const fs::path parent = runtime_folder();
    sweep(parent);
    auto folder = TemporaryDirectory::create(prefix, parent);
    if (!folder) {
        return tl::unexpected(folder.error());
    }
    FileDescriptor lock = lock_folder(folder->path());
    std::unique_ptr<PrivateDaemon> daemon(new PrivateDaemon(std::move(*folder), std::move(lock)));
    if (auto launched = daemon->launch(cache); !launched) {
        return tl::unexpected(launched.error());
    }
    return daemon;
}

Result<void> PrivateDaemon::launch(const fs::path& cache)
{
    const fs::path& folder = folder_.path();
    std::error_code error;
    fs::create_directories(cache, error);
    fs::create_directories(folder / "config/libvirt", error);
    fs::create_directories(folder / "run", error);
    fs::create_directories(folder / "data", error);
    const std::string log = "log_outputs=\"3:file:" + (folder / "libvirtd.log").native() + "\"\n";
    for (const auto& [name, text] :
         {std::pair{"libvirtd.conf", log},
          std::pair{"qemu.conf", std::string("stdio_handler = \"file\"\nsecurity_driver = \"none\"\n")}}) {
        if (auto written = write_file(folder / "config/libvirt" / name, text); !written) {
            return written;
        }
    }
    // The child dies with the thread that starts it, so a thread of its own keeps it.
    keeper_ = std::jthread(
        [this, daemon = specification(folder, fs::absolute(cache))](const std::stop_token& stop) {
            const auto result = run(daemon, stop);
            if (!result) {
                end_ = tl::unexpected(result.error());
            } else {
                end_ = fail(FailureKind::unavailable, result->error);
            }
            ended_ = true;
        });
    const auto deadline = std::chrono::steady_clock::now() + start_limit;
    while (!listens(folder / "run/libvirt/libvirt-sock")) {
        if (ended_) {
            return tl::unexpected(unavailable(end_.error().message));
        }
        if (std::chrono::steady_clock::now() > deadline) {
            return fail(FailureKind::timed_out, "libvirtd did not listen within 20 s");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return {};
}

}  // namespace unikernel
