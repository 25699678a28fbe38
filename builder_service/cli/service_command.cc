// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/service_command.hh"

#include <regex>

#include "builder_service/cli/backend.hh"

namespace unikernel::cli
{

namespace
{

using nlohmann::json;

const json& list_at(const json& object, const char* key)
{
    static const json nothing = json::array();
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : nothing;
}

std::string value_text(const json& value)
{
    return printable(value.is_string() ? value.get<std::string>() : value.dump());
}

void print_module(const json& module, const Output& output)
{
    const auto change = module.value("change", "");
    if (change == "kept") {
        return;
    }
    const char* sign = change == "added" ? "+ " : change == "removed" ? "- " : "~ ";
    output.line("  " + std::string(sign) + shown(module, "name") + " " + shown(module, "version") + ": " +
                shown(module, "reason"));
    const auto options = module.value("options", json::object());
    for (const auto& [option, values] : options.items()) {
        std::string sources;
        for (const auto& source : list_at(values, "sources")) {
            sources += (sources.empty() ? " (" : ", ") + value_text(source);
        }
        output.line("      " + printable(option) + ": " +
                    (change == "added" ? "" : value_text(values.value("from", json())) + " -> ") +
                    value_text(values.value("to", json())) + sources + (sources.empty() ? "" : ")"));
    }
}

}  // namespace

Result<std::unique_ptr<ServiceClient>> open_service(const boost::program_options::variables_map& values)
{
    return ServiceClient::create(service_url(values), "set UNIKERNEL_SERVICE=URL");
}

Result<std::string> path_to(const std::string& kind, const std::string& name)
{
    static const std::regex form("[A-Za-z0-9][A-Za-z0-9._-]{0,127}");
    if (!std::regex_match(name, form)) {
        return fail(FailureKind::invalid, "\"" + printable(name.substr(0, 80)) +
                                              "\" cannot be the name or id of a " + kind + "; unikernel " +
                                              kind + " list shows them");
    }
    return "/v1/" + kind + "s/" + name;
}

std::string shown(const json& object, const char* key)
{
    const auto found = object.find(key);
    const auto text = found == object.end() || found->is_null() ? "" : printable(text_of(object, key));
    return text.empty() ? "-" : text;
}

std::string progress_of(const json& rollout)
{
    std::size_t done = 0;
    std::size_t all = 0;
    for (const auto& server : list_at(rollout, "servers")) {
        const auto state = server.value("state", "");
        done += state == "replaced" ? 1 : 0;
        all += state != "pinned" && state != "gone" ? 1 : 0;
    }
    return std::to_string(done) + " of " + std::to_string(all);
}

void print_changes(const json& changes, const Output& output)
{
    if (changes.empty()) {
        output.line("It applies to no image that there is.");
    }
    for (const auto& change : changes) {
        output.line(shown(change, "name") + ": " + shown(change, "outcome") + " (" + shown(change, "reason") +
                    ")");
        for (const auto& module : list_at(change, "modules")) {
            print_module(module, output);
        }
        std::string servers;
        for (const auto& server : list_at(change, "servers")) {
            servers += (servers.empty() ? "  servers: " : ", ") + shown(server, "name");
        }
        if (!servers.empty()) {
            output.line(servers);
        }
    }
}

}  // namespace unikernel::cli
