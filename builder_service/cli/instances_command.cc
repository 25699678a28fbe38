// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <csignal>
#include <thread>

#include "builder_service/cli/backend.hh"
#include "builder_service/cli/command.hh"
#include "builder_service/cli/running_instances.hh"
#include "builder_service/cli/service_instances.hh"
#include "common/util/nearest.hh"

namespace unikernel::cli::instances_command
{

namespace po = boost::program_options;

namespace
{

constexpr std::string_view ps_help =
    R"(Lists the unikernels that "unikernel run" has started on this machine with the same --state, and those
that the builder service runs ("unikernel run --detach").

Example:
  unikernel ps
)";

constexpr std::string_view stop_help =
    R"(Pushes the power button of a unikernel that "unikernel run" has started, waits, and after the grace
that was given to "run" pulls the plug. One that the builder service runs ("unikernel run --detach") is forgotten
then; its grace is 5 s.

Examples:
  unikernel stop hello-web
  unikernel stop hello-web --now
)";

po::options_description stop_options()
{
    po::options_description options = builder_options();
    options.add_options()("now", "pull the plug at once");
    return options;
}

std::string ports_of(const nlohmann::json& instance)
{
    std::string text;
    for (const auto& forward : instance.value("forwards", nlohmann::json::array())) {
        text += (text.empty() ? "" : ", ") + forward.value("address", "") + ":" +
                std::to_string(forward.value("host", 0)) + "->" + std::to_string(forward.value("guest", 0));
    }
    return text.empty() ? "-" : text;
}

ExitCode run_ps(const po::variables_map& values, Output& output)
{
    auto instances = running_instances(locations(values).state);
    auto others = service_instances(values);
    if (!others) {
        return output.error(others.error());
    }
    instances.insert(instances.end(), others->begin(), others->end());
    output.document(instances);
    std::vector<std::vector<std::string>> rows;
    rows.reserve(instances.size());
    for (const auto& instance : instances) {
        const bool here = instance.contains("pid");
        rows.push_back({instance.value("name", ""),
                        here ? "process " + std::to_string(instance.value("pid", 0)) : "service",
                        here ? "running" : instance.value("status", ""), instance.value("accelerator", "-"),
                        std::to_string(instance.value("memory_mib", 0)) + " MiB", ports_of(instance),
                        instance.value("since", "-")});
    }
    output.table({"NAME", "BY", "STATUS", "UNDER", "MEMORY", "PORTS", "SINCE"}, rows);
    output.next(instances.empty() ? "unikernel run IMAGE --forward 8080:80" : "unikernel stop NAME");
    return success;
}

ExitCode stopped_now(const std::string& name, const Output& output)
{
    output.document({{"name", name}, {"state", "shut off"}});
    output.line("stopped " + name);
    return success;
}

ExitCode run_stop(const po::variables_map& values, Output& output)
{
    constexpr std::chrono::milliseconds poll{50};
    const auto state = locations(values).state;
    const std::string name = values["NAME"].as<std::string>();
    auto instance = running_instance(state, name);
    if (!instance) {
        const auto stopped = stop_service_instance(values, name, values.count("now") != 0);
        if (stopped) {
            return stopped_now(name, output);
        }
        const bool elsewhere =
            stopped.error().kind == FailureKind::not_found ||
            (stopped.error().kind == FailureKind::unavailable && values.count("service") == 0);
        if (!elsewhere) {
            return output.error(stopped.error());
        }
    }
    if (!instance || !instance->contains("pid")) {
        std::vector<std::string> names;
        auto all = running_instances(state);
        if (const auto others = service_instances(values)) {
            all.insert(all.end(), others->begin(), others->end());
        }
        names.reserve(all.size());
        for (const auto& other : all) {
            names.push_back(other.value("name", ""));
        }
        const auto near = nearest(name, names);
        return output.error(rejected,
                            "no instance \"" + name + "\" runs here" +
                                (near ? "; did you mean " + *near + "?" : "; unikernel ps lists them"));
    }
    const auto pid = (*instance)["pid"].get<pid_t>();
    // The grace is the running process's own; beyond it comes the time to unplug.
    const auto deadline = std::chrono::steady_clock::now() +
                          std::chrono::milliseconds(instance->value("grace_milliseconds", 0) + 10'000);
    for (int signals = values.count("now") != 0 ? 2 : 1; signals > 0; --signals) {
        if (kill(pid, SIGTERM) != 0) {
            return output.error(failed, "process " + std::to_string(pid) + " of instance " + name +
                                            " cannot be signalled; are you its user?");
        }
        std::this_thread::sleep_for(2 * poll);  // two signals at once would arrive as one
    }
    while (running_instance(state, name)) {
        if (std::chrono::steady_clock::now() > deadline) {
            return output.error(failed,
                                "instance " + name + " does not end; try: unikernel stop " + name + " --now");
        }
        std::this_thread::sleep_for(poll);
    }
    return stopped_now(name, output);
}

}  // namespace

const Command ps{"ps", "[OPTIONS]", "the unikernels that run here", ps_help, builder_options, {}, run_ps};
const Command stop{"stop",   "NAME [OPTIONS]", "stop a running unikernel", stop_help, stop_options,
                   {"NAME"}, run_stop};

}  // namespace unikernel::cli::instances_command
