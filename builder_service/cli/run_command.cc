// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>
#include <deque>
#include <iostream>

#include "builder_service/cli/backend.hh"
#include "builder_service/cli/command.hh"
#include "builder_service/cli/console_follower.hh"
#include "builder_service/cli/image_argument.hh"
#include "builder_service/cli/interruption.hh"
#include "builder_service/cli/run_options.hh"
#include "builder_service/cli/running_instances.hh"
#include "builder_service/cli/service_instances.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::cli::run_command
{

namespace po = boost::program_options;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace
{

constexpr std::string_view help =
    R"(IMAGE is a file, or the name or digest of a stored image. Its seal is checked before it boots. The guest's
console appears here; Ctrl-C pushes its power button, a second Ctrl-C pulls the plug. It never outlives
this command, however that ends. What follows "--" are the application's arguments.

With --detach the builder service runs it, on its own machine, until "unikernel stop NAME"; the service starts
it again when it was stopped or killed itself, and a rollout may replace its image.

Examples:
  unikernel run hello.img --forward 8080:80
  unikernel run hello-web --local --forward 0:80 --memory 64 -- --greeting hi
  unikernel run hello-web --detach --forward 8080:80
  unikernel run hello.img --bridge br0 --address 192.0.2.10/24 --gateway 192.0.2.1
)";

constexpr std::chrono::milliseconds poll_interval{20};
constexpr std::size_t kept_lines = 10;

po::options_description options()
{
    po::options_description options = run_options();
    options.add(builder_options());
    return options;
}

std::string now()
{
    const std::time_t time = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&time, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

nlohmann::json forwards_document(const InstanceInfo& info)
{
    auto list = nlohmann::json::array();
    for (const PortForward& forward : info.forwards) {
        list.push_back(
            {{"address", forward.host_address}, {"host", forward.host_port}, {"guest", forward.guest_port}});
    }
    return list;
}

void announce(const InstanceInfo& info, const InstanceSpec& spec, std::uint32_t memory, const Output& output)
{
    output.note(info.name + " runs with " + std::to_string(memory) + " MiB under " +
                (info.accelerator == "kvm" ? "KVM" : "TCG (KVM runs no guests here)") +
                "; to stop it: Ctrl-C, or unikernel stop " + info.name);
    for (const PortForward& forward : info.forwards) {
        const std::string scheme = forward.guest_port == 80    ? "http://"
                                   : forward.guest_port == 443 ? "https://"
                                                               : "";
        const std::string address = forward.host_address == "0.0.0.0" ? "127.0.0.1" : forward.host_address;
        output.note(scheme + address + ":" + std::to_string(forward.host_port) + (scheme.empty() ? "" : "/") +
                    " is its port " + std::to_string(forward.guest_port));
    }
    const auto devices = spec.description.value("devices", nlohmann::json::array());
    if (info.forwards.empty() && spec.bridge.empty() &&
        std::find(devices.begin(), devices.end(), "virtio-net") != devices.end()) {
        output.note("no port leads to it; --forward 8080:80 would make http://127.0.0.1:8080/ its port 80");
    }
}

/// One guest in the foreground, from its start to its end.
class Foreground
{
public:
    Foreground(Hypervisor& hypervisor, const InstanceSpec& spec, std::chrono::milliseconds grace,
               Output& output)
        : hypervisor_(hypervisor), spec_(spec), grace_(grace), output_(output),
          follower_(spec.console, [this](std::string_view line) { console_line(line); })
    {
    }

    /// Until the guest ended; the answer is how.
    InstanceState follow(const Interruption& interruption);
    ExitCode conclude(InstanceState state, const InstanceInfo& info) const;

private:
    void console_line(std::string_view line);
    std::pair<ExitCode, std::string> explain(InstanceState state) const;

    Hypervisor& hypervisor_;
    const InstanceSpec& spec_;
    std::chrono::milliseconds grace_;
    Output& output_;
    ConsoleFollower follower_;
    VerdictReader verdict_;
    std::deque<std::string> last_lines_;
    bool asked_to_stop_ = false;
    Clock::time_point begin_ = Clock::now();
};

void Foreground::console_line(std::string_view line)
{
    const std::string text = printable(line);
    verdict_.read(text);
    last_lines_.push_back(text);
    if (last_lines_.size() > kept_lines) {
        last_lines_.pop_front();
    }
    if (output_.json()) {
        output_.note(text);
    }
    output_.line(text);
}

InstanceState Foreground::follow(const Interruption& interruption)
{
    std::jthread stopper;  // the console is still followed meanwhile
    bool unplugged = false;
    for (;;) {
        const auto ended = hypervisor_.wait(spec_.name, poll_interval, {});
        follower_.poll();
        if (ended) {
            follower_.finish();
            if (*ended == InstanceState::paused) {  // QEMU gave it up and keeps it for a debugger
                static_cast<void>(hypervisor_.destroy(spec_.name));
            }
            return *ended;
        }
        if (ended.error().kind != FailureKind::timed_out) {
            follower_.finish();
            return InstanceState::gone;
        }
        if (interruption.token().stop_requested() && !asked_to_stop_) {
            asked_to_stop_ = true;
            output_.note("power button pushed; in " + std::to_string(grace_.count() / 1000) +
                         " s, or with another Ctrl-C, the plug");
            stopper = std::jthread([this] { static_cast<void>(hypervisor_.stop(spec_.name, grace_)); });
        }
        if (interruption.again().stop_requested() && !unplugged) {
            unplugged = true;
            output_.note("plug pulled");
            static_cast<void>(hypervisor_.destroy(spec_.name));
        }
    }
}

std::pair<ExitCode, std::string> Foreground::explain(InstanceState state) const
{
    const ConsoleVerdict& verdict = verdict_.verdict();
    if (verdict.end == ConsoleVerdict::End::panicked) {
        return {failed, "it panicked: " + verdict.reason};
    }
    if (state == InstanceState::crashed || state == InstanceState::paused) {
        return {failed, "the virtual machine crashed"};
    }
    if (state == InstanceState::gone) {
        return {failed, "libvirt was lost, and the guest with it"};
    }
    if (verdict.end == ConsoleVerdict::End::exited) {
        return {verdict.status == 0 || asked_to_stop_ ? success : failed,
                "its application exited with status " + std::to_string(verdict.status)};
    }
    if (asked_to_stop_ || verdict.end == ConsoleVerdict::End::power_button) {
        return {success, "it was stopped"};
    }
    return {failed, "it ended without a word why"};
}

ExitCode Foreground::conclude(InstanceState state, const InstanceInfo& info) const
{
    const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_);
    const auto [code, reason] = explain(state);
    const ConsoleVerdict& verdict = verdict_.verdict();
    output_.document({{"name", info.name},
                      {"id", info.id},
                      {"accelerator", info.accelerator},
                      {"forwards", forwards_document(info)},
                      {"milliseconds", duration.count()},
                      {"end", reason},
                      {"status", verdict.end == ConsoleVerdict::End::exited ? nlohmann::json(verdict.status)
                                                                            : nlohmann::json(nullptr)},
                      {"console", last_lines_}});
    const std::string text = info.name + " ended after " + human_time(duration) + ": " + reason;
    if (code == success) {
        output_.note(text);
        return code;
    }
    if (output_.quiet()) {  // otherwise they were seen already
        for (const std::string& line : last_lines_) {
            std::cerr << "  " << line << "\n";
        }
    }
    std::cerr << "unikernel: " << text
              << (last_lines_.empty() ? "; it printed nothing on its console"
                                      : "; its console's last lines are above")
              << std::endl;
    return code;
}

/// A name libvirt and a file can bear, after the image's own.
std::string default_name(const nlohmann::json& description)
{
    std::string name = description.value("name", "unikernel");
    return name.empty() ? "unikernel" : name.substr(0, 63);
}

struct Prepared {
    InstanceSpec spec;
    std::uint32_t memory_mib = 0;
};

Result<Prepared> prepare(const po::variables_map& values, const fs::path& work)
{
    InstanceSpec spec = instance_spec(values);
    auto image = open_image(values["IMAGE"].as<std::string>(), values, work);
    if (!image) {
        return tl::unexpected(image.error());
    }
    spec.image = image->file;
    spec.description = image->facts.description;
    spec.name = spec.name.empty() ? default_name(spec.description) : spec.name;
    spec.console = values.count("console") != 0 ? fs::absolute(values["console"].as<std::string>())
                                                : work / "console.log";
    if (auto checked = check(spec); !checked) {
        return tl::unexpected(checked.error());
    }
    if (auto words = command_line(spec); !words) {
        return tl::unexpected(words.error());
    }
    const std::uint32_t memory =
        spec.memory_mib != 0 ? spec.memory_mib : spec.description.value("minimum_memory_mib", 0U);
    return Prepared{std::move(spec), memory};
}

ExitCode run(const po::variables_map& values, Output& output)
{
    if (values.count("detach") != 0) {
        return run_detached(values, output);
    }
    const Interruption interruption;
    const auto grace = grace_period(values);
    const auto work = TemporaryDirectory::create(RunningInstance::folder_prefix);
    if (!work) {
        return output.error(work.error());
    }
    std::error_code ignored;  // a system daemon's QEMU runs as another user
    fs::permissions(work->path(), fs::perms(0755), ignored);
    const auto firmware =
        parse_firmware(values.count("firmware") != 0 ? values["firmware"].as<std::string>() : "auto");
    if (!firmware) {
        return output.error(firmware.error());
    }
    const auto prepared = prepare(values, work->path());
    if (!prepared) {
        return output.error(prepared.error());
    }
    const InstanceSpec& spec = prepared->spec;
    const fs::path state = locations(values).state;
    auto entry = RunningInstance::enter(state, spec.name);
    if (!entry) {
        return output.error(entry.error());
    }
    static_cast<void>(entry->describe({{"folder", work->path().native()}}));
    const std::string uri = values.count("connect") != 0 ? values["connect"].as<std::string>() : "";
    const auto hypervisor = Hypervisor::connect(uri, state / "libvirt", *firmware);
    if (!hypervisor) {
        return output.error(hypervisor.error());
    }
    const auto info = (*hypervisor)->start(spec);
    if (!info) {
        return output.error(info.error());
    }
    static_cast<void>(entry->describe({{"folder", work->path().native()},
                                       {"image", fs::absolute(spec.image).native()},
                                       {"accelerator", info->accelerator},
                                       {"memory_mib", prepared->memory_mib},
                                       {"forwards", forwards_document(*info)},
                                       {"grace_milliseconds", grace.count()},
                                       {"since", now()}}));
    announce(*info, spec, prepared->memory_mib, output);
    Foreground foreground(**hypervisor, spec, grace, output);
    return foreground.conclude(foreground.follow(interruption), *info);
}

}  // namespace

const Command command{
    "run", "IMAGE [OPTIONS] [-- ARGUMENT...]", "boot an image and show its console", help, options, {"IMAGE"},
    run};

}  // namespace unikernel::cli::run_command
