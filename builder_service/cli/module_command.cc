// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/backend.hh"
#include "builder_service/cli/command.hh"
#include "common/util/nearest.hh"

namespace unikernel::cli::module_command
{

namespace po = boost::program_options;

namespace
{

constexpr std::string_view list_help =
    R"(Everything in an image is a module: drivers, the network stack, the system calls of the application,
security mechanisms. An image contains only what was installed.

Examples:
  unikernel module list --local
  unikernel module list --json | jq -r '.[] | select(.kind == "security") | .name'
)";

constexpr std::string_view show_help =
    R"(Shows what a module is for, what it requires, and its options with type, bounds and default.

Example:
  unikernel module show http-guard --local
)";

std::string words_of(const nlohmann::json& document, const char* key)
{
    std::string text;
    for (const auto& word : document.value(key, nlohmann::json::array())) {
        text += (text.empty() ? "" : ", ") + (word.is_string() ? word.get<std::string>() : word.dump());
    }
    return text.empty() ? "-" : text;
}

/// "int 16..1024 descriptors", "one of deny, challenge", "list of record (at most 64)".
std::string type_of(const nlohmann::json& option)
{
    const std::string type = text_of(option, "type");
    std::string text = type;
    if (type == "int") {
        const std::string low = text_of(option, "minimum");
        const std::string high = text_of(option, "maximum");
        text += low.empty() && high.empty() ? "" : " " + low + ".." + high;
        text += option.contains("unit") ? " " + text_of(option, "unit") : "";
    } else if (type == "enum") {
        text = "one of " + words_of(option, "values");
    } else if (type == "string") {
        text += option.contains("pattern") ? " matching " + text_of(option, "pattern") : "";
        text += option.contains("max_length") ? ", at most " + text_of(option, "max_length") + " bytes" : "";
    } else if (type == "list") {
        text += option.contains("of") && option["of"].is_object() ? " of " + type_of(option["of"]) : "";
        text += option.contains("max_items") ? ", at most " + text_of(option, "max_items") : "";
    }
    return text;
}

void print_option(const std::string& name, const nlohmann::json& option, std::size_t depth,
                  const Output& output)
{
    const std::string indent(2 * depth, ' ');
    std::string line = indent + name + ": " + type_of(option);
    line += option.contains("default") ? "; default " + option["default"].dump() : "; must be given";
    if (option.contains("stricter")) {
        line += "; stricter: " +
                (option["stricter"].is_string() ? text_of(option, "stricter") : option["stricter"].dump());
    }
    if (option.contains("delegated") && option["delegated"] == true) {
        line += "; delegated";
    }
    output.line(printable(line));
    if (option.contains("help")) {
        output.line(printable(indent + "    " + text_of(option, "help")));
    }
    const auto& record = text_of(option, "type") == "list" && option.contains("of") ? option["of"] : option;
    if (record.is_object() && record.contains("fields")) {
        for (const auto& [field, type] : record["fields"].items()) {
            print_option(field, type, depth + 2, output);
        }
    }
}

ExitCode run_list(const po::variables_map& values, Output& output)
{
    const auto backend = open_backend(values);
    if (!backend) {
        return output.error(backend.error());
    }
    const auto modules = (*backend)->modules();
    if (!modules) {
        return output.error(modules.error());
    }
    output.document(*modules);
    std::vector<std::vector<std::string>> rows;
    for (const auto& module : *modules) {
        rows.push_back({printable(text_of(module, "name")), printable(text_of(module, "version")),
                        printable(text_of(module, "kind")), printable(text_of(module, "repository")),
                        printable(text_of(module, "summary"))});
    }
    output.table({"NAME", "VERSION", "KIND", "REPOSITORY", "SUMMARY"}, rows);
    output.next("unikernel module show NAME" + (*backend)->flags());
    return success;
}

/// For a misspelt name: the nearest that exists.
std::string suggestion(Backend& backend, const std::string& name)
{
    std::vector<std::string> names;
    if (const auto modules = backend.modules()) {
        for (const auto& module : *modules) {
            names.push_back(text_of(module, "name"));
        }
    }
    const auto near = nearest(name, names);
    return near ? "; did you mean " + *near + "?" : "; unikernel module list shows them";
}

ExitCode run_show(const po::variables_map& values, Output& output)
{
    const auto backend = open_backend(values);
    if (!backend) {
        return output.error(backend.error());
    }
    const std::string name = values["NAME"].as<std::string>();
    const auto module = (*backend)->module(name);
    if (!module) {
        Failure failure = module.error();
        if (failure.kind == FailureKind::not_found) {
            failure.message = "there is no module \"" + name + "\"" + suggestion(**backend, name);
        }
        return output.error(failure);
    }
    output.document(*module);
    output.line(printable(name + " " + text_of(*module, "version") + ": " + text_of(*module, "summary")) +
                "\n");
    output.table({{"kind", printable(text_of(*module, "kind"))},
                  {"repository", printable(text_of(*module, "repository"))},
                  {"license", printable(text_of(*module, "license"))},
                  {"provides", printable(words_of(*module, "provides"))},
                  {"requires", printable(words_of(*module, "requires"))},
                  {"conflicts", printable(words_of(*module, "conflicts"))},
                  {"devices", printable(words_of(*module, "devices"))}});
    const auto options = module->value("options", nlohmann::json::object());
    output.line(options.empty() ? "\nIt has no options." : "\nOptions:");
    for (const auto& [option, type] : options.items()) {
        print_option(option, type, 1, output);
    }
    output.line("\nIn a spec or requirement:\n  modules:\n    " + name + ":" +
                (options.empty() ? " {}" : "\n      " + options.begin().key() + ": ..."));
    return success;
}

}  // namespace

const Command list{"module list", "[OPTIONS]", "the modules there are", list_help, builder_options, {},
                   run_list};
const Command show{"module show", "NAME [OPTIONS]", "one module and its options", show_help, builder_options,
                   {"NAME"},      run_show};

}  // namespace unikernel::cli::module_command
