// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/checks.hh"

#include "builder_service/cli/local_repositories.hh"
#include "builder_service/cli/output.hh"
#include "builder_service/cli/service_client.hh"
#include "builder_service/hypervisor/hypervisor.hh"
#include "builder_service/platforms/tool.hh"
#include "builder_service/sandbox/sandbox.hh"
#include "common/decode/document.hh"
#include "common/util/process.hh"

namespace unikernel::cli
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t disk_wanted = 1ULL << 30;  ///< bytes: toolchain output, images, caches
constexpr std::chrono::seconds tool_limit{20};

std::string first_line(const std::string& text)
{
    return text.substr(0, text.find('\n'));
}

Result<ProcessResult> run_tool(const std::string& program, std::vector<std::string> arguments)
{
    ProcessSpecification specification;
    specification.program = program;
    specification.arguments = std::move(arguments);
    specification.environment = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                                 {"LC_ALL", "C"}};
    specification.time_limit = tool_limit;
    return run(specification);
}

std::string install(const std::string& package)
{
    return "apt-get install " + package;
}

}  // namespace

Check check_tool(const std::string& program, const std::string& package)
{
    const auto result = run_tool(program, {"--version"});
    if (!result) {
        return {program, Check::Verdict::wrong, "not installed", install(package)};
    }
    if (!result->ok()) {
        return {program, Check::Verdict::wrong, "does not run: " + first_line(result->error),
                install("--reinstall " + package)};
    }
    return {program, Check::Verdict::ok, first_line(result->out), ""};
}

Check check_static_library(const std::string& library, const std::string& package)
{
    const auto result = run_tool("g++", {"-print-file-name=" + library});
    const std::string found = result ? first_line(result->out) : "";
    if (!found.starts_with("/")) {
        return {library, Check::Verdict::wrong, "the compiler does not find it", install(package)};
    }
    return {library, Check::Verdict::ok, found, ""};
}

Check check_sandbox()
{
    const auto confined = confinement();
    if (!confined) {
        return {"sandbox", Check::Verdict::wrong, confined.error().message,
                install("bubblewrap") +
                    ", and sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 (in a "
                    "container: run it with the right to make user namespaces)"};
    }
    if (!confined->processes_bounded) {
        return {"sandbox", Check::Verdict::note, confined->text,
                "build as another user than root, or let others make user namespaces: sysctl -w "
                "kernel.unprivileged_userns_clone=1"};
    }
    return {"sandbox", Check::Verdict::ok, confined->text, ""};
}

std::vector<Check> check_hypervisor(const fs::path& state)
{
    auto hypervisor = Hypervisor::connect("", state);
    if (!hypervisor) {
        return {{"libvirt", Check::Verdict::wrong, hypervisor.error().message,
                 install("bubblewrap libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86")}};
    }
    const std::string uri = (*hypervisor)->uri();
    Check libvirt{"libvirt", Check::Verdict::ok,
                  uri.starts_with("qemu+unix:") ? "no daemon runs; a private one starts when needed" : uri,
                  ""};
    Check accelerator{"accelerator", Check::Verdict::ok, "KVM runs guests", ""};
    if (!(*hypervisor)->kvm_works()) {
        accelerator = {"accelerator", Check::Verdict::note,
                       "KVM runs no guests here; QEMU emulates (TCG), which is slower",
                       "use a machine with hardware virtualisation, and let this user open /dev/kvm: adduser "
                       "$USER kvm"};
    }
    return {libvirt, accelerator};
}

Check check_sources(const Locations& locations)
{
    const std::string fix = fetch_sources_command(locations.cache / "sources");
    const auto wanted = decode_file(locations.platforms / "u0/sources.yaml");
    if (!wanted) {
        return {"sources", Check::Verdict::wrong, wanted.error().message,
                "git checkout builder_service/platforms"};
    }
    std::string missing;
    std::error_code ignored;
    for (const auto& [name, source] : wanted->items()) {
        const std::string folder = name + "-" + source.value("version", "");
        if (!fs::is_directory(locations.cache / "sources" / folder, ignored)) {
            missing += (missing.empty() ? "" : ", ") + folder;
        }
    }
    if (!missing.empty()) {
        return {"sources", Check::Verdict::wrong,
                missing + " is not in " + (locations.cache / "sources").native(), fix};
    }
    return {"sources", Check::Verdict::ok, (locations.cache / "sources").native(), ""};
}

Check check_modules(const Locations& locations)
{
    std::error_code ignored;
    if (!fs::is_directory(locations.modules, ignored) || !fs::is_directory(locations.platforms, ignored)) {
        return {"modules", Check::Verdict::wrong,
                "there is no module repository in " + locations.modules.native(),
                "install the product again, or run it from its source tree"};
    }
    return {"modules", Check::Verdict::ok, locations.modules.native(), ""};
}

std::vector<Check> check_repositories(const Locations& locations)
{
    const auto repositories = local_repositories(locations);
    if (!repositories) {
        return {{"repositories", Check::Verdict::wrong, repositories.error().message,
                 "editor " + locations.config.string()}};
    }
    (*repositories)->refresh({}, false);
    (*repositories)->refresh({});
    std::vector<Check> checks;
    for (const RepositoryStatus& each : (*repositories)->status()) {
        using State = RepositoryStatus::State;
        if (each.name == builtin_repository) {
            continue;  // check_modules
        }
        const std::string name = "repository " + each.name;
        if (each.state == State::ready) {
            checks.push_back({name, Check::Verdict::ok, each.location, ""});
        } else {
            const bool cached = each.state == State::cached;
            checks.push_back({name, cached ? Check::Verdict::note : Check::Verdict::wrong, each.error,
                              cached ? "nothing at once: what was fetched is used; put it back, or change "
                                       "[repository:" +
                                           each.name + "] in " + locations.config.string()
                                     : "mend it, or change [repository:" + each.name + "] in " +
                                           locations.config.string()});
        }
    }
    return checks;
}

Check check_disk(const fs::path& state)
{
    fs::path existing = state;
    std::error_code error;
    while (!fs::exists(existing, error) && existing.has_relative_path()) {
        existing = existing.parent_path();
    }
    const auto space = fs::space(existing, error);
    if (error) {
        return {"disk", Check::Verdict::wrong, existing.native() + ": " + error.message(),
                "choose another --state"};
    }
    const std::string detail = human_bytes(space.available) + " free for " + state.native();
    if (space.available < disk_wanted) {
        return {"disk", Check::Verdict::wrong, detail + ", " + human_bytes(disk_wanted) + " are wanted",
                "make room, or choose another folder with --state"};
    }
    return {"disk", Check::Verdict::ok, detail, ""};
}

Check check_service(const std::string& url)
{
    const auto client = ServiceClient::create(url);
    const auto health =
        client ? (*client)->get("/healthcheck") : Result<nlohmann::json>(tl::unexpected(client.error()));
    if (!health) {
        return {"service", Check::Verdict::note, "none answers at " + url,
                "unikernel-builder & (or give every command --local)"};
    }
    return {"service", Check::Verdict::ok,
            url + ": " + printable(health->value("status", "?")) + ", its state is in " +
                printable(health->value("database", "?")),
            ""};
}

}  // namespace unikernel::cli
