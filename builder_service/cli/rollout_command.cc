// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/command.hh"
#include "builder_service/cli/service_command.hh"

namespace unikernel::cli::rollout_command
{

namespace po = boost::program_options;
using nlohmann::json;

namespace
{

constexpr std::string_view list_help =
    R"(A rollout makes a new image where the stored requirements want one and replaces the servers that run an older one,
each checked for its health. Newest first.

Example:
  unikernel rollout list
)";

constexpr std::string_view show_help = R"(Shows how far a rollout is: each of its servers, and why one failed.

Example:
  unikernel rollout show 1b4e28ba-2fa1-4d09-883f-0016d3cca427
)";

constexpr std::string_view pause_help =
    R"(What was begun with a server is finished; no further server is touched until the rollout is resumed.

Example:
  unikernel rollout pause 1b4e28ba-2fa1-4d09-883f-0016d3cca427
)";

constexpr std::string_view resume_help = R"(Lets a paused rollout go on where it was.

Example:
  unikernel rollout resume 1b4e28ba-2fa1-4d09-883f-0016d3cca427
)";

constexpr std::string_view abort_help =
    R"(Ends a rollout. Servers that were replaced already stay so, the rest keep their image.

Example:
  unikernel rollout abort 1b4e28ba-2fa1-4d09-883f-0016d3cca427
)";

Result<std::string> path_of(const po::variables_map& values)
{
    return path_to("rollout", values["ID"].as<std::string>());
}

ExitCode run_list(const po::variables_map& values, Output& output)
{
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto list = (*service)->items("/v1/rollouts", "rollouts");
    if (!list) {
        return output.error(list.error());
    }
    output.document(*list);
    std::vector<std::vector<std::string>> rows;
    for (const auto& rollout : *list) {
        rows.push_back({shown(rollout, "id"), shown(rollout, "name"), shown(rollout, "state"),
                        progress_of(rollout), shown(rollout, "created"), shown(rollout, "reason")});
    }
    output.table({"ID", "IMAGE", "STATE", "REPLACED", "CREATED", "REASON"}, rows);
    output.next(rows.empty() ? "unikernel compliance" : "unikernel rollout show ID");
    return success;
}

void print_rollout(const json& rollout, const Output& output)
{
    output.table({{"id", shown(rollout, "id")},
                  {"image", shown(rollout, "name")},
                  {"state", shown(rollout, "state")},
                  {"reason", shown(rollout, "reason")},
                  {"cause", shown(rollout, "cause")},
                  {"replaced", progress_of(rollout)},
                  {"build", shown(rollout, "build")},
                  {"new image", shown(rollout, "image")},
                  {"created", shown(rollout, "created")},
                  {"updated", shown(rollout, "updated")}});
    std::vector<std::vector<std::string>> rows;
    for (const auto& server : rollout.value("servers", json::array())) {
        rows.push_back({shown(server, "name"), shown(server, "state"), shown(server, "started"),
                        shown(server, "ended"), shown(server, "downtime_ms"), shown(server, "error")});
    }
    if (!rows.empty()) {
        output.line("");
        output.table({"SERVER", "STATE", "STARTED", "ENDED", "DOWN (MS)", "ERROR"}, rows);
    }
}

ExitCode run_show(const po::variables_map& values, Output& output)
{
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto path = path_of(values);
    if (!path) {
        return output.error(path.error());
    }
    const auto rollout = (*service)->get(*path);
    if (!rollout) {
        return output.error(rollout.error());
    }
    output.document(*rollout);
    print_rollout(*rollout, output);
    output.next("unikernel compliance");
    return success;
}

/// `verb`: as in the API.
ExitCode act(const po::variables_map& values, const Output& output, const std::string& verb,
             const std::string& told)
{
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto path = path_of(values);
    if (!path) {
        return output.error(path.error());
    }
    const auto done = (*service)->post(*path + "/action", {{verb, nullptr}});
    if (!done) {
        return output.error(done.error());
    }
    output.document(*done);
    output.line(told + " " + printable(values["ID"].as<std::string>()));
    output.next("unikernel rollout show " + shell_word(values["ID"].as<std::string>()));
    return success;
}

ExitCode run_pause(const po::variables_map& values, Output& output)
{
    return act(values, output, "pause", "paused");
}

ExitCode run_resume(const po::variables_map& values, Output& output)
{
    return act(values, output, "resume", "resumed");
}

ExitCode run_abort(const po::variables_map& values, Output& output)
{
    return act(values, output, "abort", "aborted");
}

}  // namespace

const Command list{"rollout list", "[OPTIONS]",     "new images on their way to servers",
                   list_help,      service_options, {},
                   run_list};
const Command show{"rollout show",  "ID [OPTIONS]", "how far one is", show_help,
                   service_options, {"ID"},         run_show};
const Command pause{"rollout pause", "ID [OPTIONS]", "touch no further server", pause_help, service_options,
                    {"ID"},          run_pause};
const Command resume{"rollout resume", "ID [OPTIONS]",  "go on with a paused one",
                     resume_help,      service_options, {"ID"},
                     run_resume};
const Command abort{"rollout abort", "ID [OPTIONS]", "end one before its end", abort_help, service_options,
                    {"ID"},          run_abort};

}  // namespace unikernel::cli::rollout_command
