// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/command.hh"
#include "builder_service/cli/documents.hh"
#include "builder_service/cli/service_command.hh"

namespace unikernel::cli::requirement_command
{

namespace po = boost::program_options;
using nlohmann::json;

namespace
{

constexpr std::string_view apply_help =
    R"(Stores a security requirement in the builder service, or a new revision of it if its name is known there. Every
build it applies to has to meet it from then on, and images that do not are made anew. A file that says what is
stored already changes nothing. Secrets are sealed before they leave this command.

With --dry-run nothing is stored: it shows which images would be made anew, which modules would come, go or
change and who asks for them, which servers run these images, or why there would be no image.

Examples:
  unikernel requirement apply examples/requirements/staff-only.yaml --dry-run
  unikernel requirement apply examples/requirements/staff-only.yaml
)";

constexpr std::string_view list_help = R"(Example:
  unikernel requirement list
)";

constexpr std::string_view show_help =
    R"(Shows what a requirement says, the rollouts it caused, and which servers meet it since when. --json has its
document.

Example:
  unikernel requirement show staff-only
)";

constexpr std::string_view remove_help =
    R"(Ends a requirement: builds no longer have to meet it. Its revisions stay on record. With --dry-run nothing is
changed: it shows what would become of the images.

Example:
  unikernel requirement delete staff-only --dry-run
)";

po::options_description with_dry_run()
{
    auto options = service_options();
    options.add_options()("dry-run", "store nothing, show what would change");
    return options;
}

po::options_description apply_options()
{
    auto options = with_dry_run();
    options.add_options()("global", "for all projects");
    return options;
}

/// Nothing: there is none at this path.
Result<std::optional<json>> find(ServiceClient& service, const std::string& path)
{
    auto found = service.get(path);
    if (found) {
        return std::optional(std::move(*found));
    }
    if (found.error().kind == FailureKind::not_found) {
        return std::optional<json>();
    }
    return tl::unexpected(found.error());
}

ExitCode show_stored(const json& requirement, const std::string& what, const Output& output)
{
    output.document(requirement);
    output.line(what + " revision " + shown(requirement, "revision") + " of requirement " +
                shown(requirement, "name"));
    output.next("unikernel requirement show " + shown(requirement, "name"));
    return success;
}

ExitCode show_dry_run(const Result<json>& answer, const std::string& next, const Output& output)
{
    if (!answer) {
        return output.error(answer.error());
    }
    output.document(*answer);
    print_changes(answer->value("changes", json::array()), output);
    output.next(next);
    return success;
}

ExitCode run_apply(const po::variables_map& values, Output& output)
{
    const auto file = values["FILE"].as<std::string>();
    auto document = read_document(file);
    if (!document) {
        return output.error(document.error());
    }
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto name = document->is_object() ? document->value("name", json()) : json();
    if (!name.is_string()) {
        return output.error(rejected, file + ": name: must be given; it is the requirement's");
    }
    const auto path = path_to("requirement", name.get<std::string>());
    if (!path) {
        return output.error(path.error());
    }
    const auto known = find(**service, *path);
    if (!known) {
        return output.error(known.error());
    }
    const bool global = values.count("global") != 0;
    const bool dry = values.count("dry-run") != 0;
    if (*known && global != (*known)->value("project", json()).is_null()) {
        return output.error(rejected, "requirement " + shown(**known, "name") + " is " +
                                          (global ? "not " : "") + "for all projects; " +
                                          (global ? "leave out" : "add") + " --global");
    }
    if (*known && !dry && (*known)->value("document", json()) == *document) {
        return show_stored(**known, "unchanged: it is", output);
    }
    json body = {{"document", *document}};
    if (!*known && global) {
        body["project"] = nullptr;
    }
    const std::string query = dry ? "?dry_run=true" : "";
    const auto answer =
        *known ? (*service)->put(*path + query, body) : (*service)->post("/v1/requirements" + query, body);
    if (dry) {
        return show_dry_run(
            answer, "unikernel requirement apply " + shell_word(file) + (global ? " --global" : ""), output);
    }
    return answer ? show_stored(*answer, "stored", output) : output.error(answer.error());
}

ExitCode run_list(const po::variables_map& values, Output& output)
{
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto list = (*service)->items("/v1/requirements", "requirements");
    if (!list) {
        return output.error(list.error());
    }
    output.document(*list);
    std::vector<std::vector<std::string>> rows;
    for (const auto& each : *list) {
        const auto document = each.value("document", json::object());
        rows.push_back({shown(each, "name"), shown(each, "revision"),
                        each.value("project", json()).is_null() ? "all projects" : "own",
                        shown(document, "description")});
    }
    output.table({"NAME", "REVISION", "SCOPE", "DESCRIPTION"}, rows);
    output.next(rows.empty() ? "unikernel requirement apply FILE --dry-run"
                             : "unikernel requirement show NAME");
    return success;
}

bool caused_by(const json& rollout, const std::string& name)
{
    for (const char* key : {"cause", "requirements"}) {
        for (const auto& each : rollout.value(key, json())) {
            if (each.is_object() && each.value("requirement", "") == name) {
                return true;
            }
        }
    }
    return false;
}

json rollouts_of(const std::string& name, const json& rollouts)
{
    auto own = json::array();
    for (const auto& rollout : rollouts) {
        if (caused_by(rollout, name)) {
            own.push_back(rollout);
        }
    }
    return own;
}

/// [{"id", "name", "fulfilled", "revision", "since"}] of the servers that it applies to.
json servers_of(const std::string& name, const json& report)
{
    auto servers = json::array();
    for (const auto& server : report.value("servers", json::array())) {
        for (const auto& each : server.value("requirements", json::array())) {
            if (each.value("name", "") == name) {
                servers.push_back({{"id", server.value("id", "")},
                                   {"name", server.value("name", "")},
                                   {"fulfilled", each.value("fulfilled", false)},
                                   {"revision", each.value("fulfilled_revision", json())},
                                   {"since", server.value("since", json())}});
            }
        }
    }
    return servers;
}

void print_requirement(const json& requirement, const Output& output)
{
    const auto document = requirement.value("document", json::object());
    output.table({{"name", shown(requirement, "name")},
                  {"revision", shown(requirement, "revision")},
                  {"scope", requirement.value("project", json()).is_null() ? "all projects" : "own"},
                  {"description", shown(document, "description")},
                  {"applies to", shown(document, "applies_to")},
                  {"modules", shown(document, "modules")},
                  {"created", shown(requirement, "created")},
                  {"author", shown(requirement, "author")}});
    std::vector<std::vector<std::string>> rows;
    for (const auto& rollout : requirement["rollouts"]) {
        rows.push_back({shown(rollout, "id"), shown(rollout, "name"), shown(rollout, "state"),
                        progress_of(rollout), shown(rollout, "reason")});
    }
    if (!rows.empty()) {
        output.line("");
        output.table({"ROLLOUT", "IMAGE", "STATE", "REPLACED", "REASON"}, rows);
    }
    rows.clear();
    for (const auto& server : requirement["servers"]) {
        rows.push_back({shown(server, "name"), server.value("fulfilled", false) ? "yes" : "no",
                        shown(server, "revision"), shown(server, "since")});
    }
    if (!rows.empty()) {
        output.line("");
        output.table({"SERVER", "MEETS IT", "REVISION", "SINCE"}, rows);
    }
}

ExitCode run_show(const po::variables_map& values, Output& output)
{
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto name = values["NAME"].as<std::string>();
    const auto path = path_to("requirement", name);
    if (!path) {
        return output.error(path.error());
    }
    auto requirement = (*service)->get(*path);
    if (!requirement) {
        return output.error(requirement.error());
    }
    const auto rollouts = (*service)->items("/v1/rollouts", "rollouts");
    const auto report = (*service)->get("/v1/compliance");
    for (const auto* answer : {&rollouts, &report}) {
        if (!*answer) {
            output.note("its rollouts or servers are not shown: " + answer->error().message);
        }
    }
    (*requirement)["rollouts"] = rollouts ? rollouts_of(name, *rollouts) : json::array();
    (*requirement)["servers"] = report ? servers_of(name, *report) : json::array();
    output.document(*requirement);
    print_requirement(*requirement, output);
    output.next("unikernel compliance");
    return success;
}

ExitCode run_remove(const po::variables_map& values, Output& output)
{
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto name = values["NAME"].as<std::string>();
    const auto path = path_to("requirement", name);
    if (!path) {
        return output.error(path.error());
    }
    if (values.count("dry-run") != 0) {
        return show_dry_run((*service)->remove_answered(*path + "?dry_run=true"),
                            "unikernel requirement delete " + shell_word(name), output);
    }
    if (const auto removed = (*service)->remove(*path); !removed) {
        return output.error(removed.error());
    }
    output.document({{"name", name}, {"deleted", true}});
    output.line("deleted " + printable(name));
    output.next("unikernel rollout list");
    return success;
}

}  // namespace

const Command apply{"requirement apply",
                    "FILE [OPTIONS]",
                    "store a security requirement, or see what it would do",
                    apply_help,
                    apply_options,
                    {"FILE"},
                    run_apply};
const Command list{"requirement list",
                   "[OPTIONS]",
                   "the stored security requirements",
                   list_help,
                   service_options,
                   {},
                   run_list};
const Command show{"requirement show",
                   "NAME [OPTIONS]",
                   "one requirement, its rollouts, who meets it",
                   show_help,
                   service_options,
                   {"NAME"},
                   run_show};
const Command remove{"requirement delete",
                     "NAME [OPTIONS]",
                     "end a security requirement",
                     remove_help,
                     with_dry_run,
                     {"NAME"},
                     run_remove};

}  // namespace unikernel::cli::requirement_command
