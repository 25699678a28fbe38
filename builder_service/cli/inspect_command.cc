// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <optional>

#include "builder_service/cli/command.hh"
#include "builder_service/cli/image_argument.hh"
#include "common/util/nearest.hh"
#include "common/util/temporary_directory.hh"
#include "common/util/time.hh"

namespace unikernel::cli::inspect_command
{

namespace po = boost::program_options;

namespace
{

constexpr std::string_view help =
    R"(IMAGE is a file, or the name or digest of a stored image. Its seal, ELF header, segments and notes are
checked before a word of it is believed; what is shown is what the image says of itself: which modules were
found in its code when it was linked, and with which configuration. Secrets appear as "sealed".

With --module the answer is about that module alone; the exit code is 1 if the image does not have it.

Examples:
  unikernel inspect hello.img
  unikernel inspect hello.img --module http-guard
  unikernel inspect hello-web --local --json
)";

std::string join(const nlohmann::json& list)
{
    std::string text;
    for (const auto& item : list) {
        text += (text.empty() ? "" : ", ") + (item.is_string() ? item.get<std::string>() : item.dump());
    }
    return text;
}

std::string module_list(const nlohmann::json& modules)
{
    std::string text;
    for (const auto& module : modules) {
        text += (text.empty() ? "" : ", ") + module.value("name", "?") + " " + module.value("version", "?");
    }
    return text;
}

/// One line per option: "http-guard.realm = staff".
void print_configuration(const nlohmann::json& configuration, const Output& output)
{
    for (const auto& [module, options] : configuration.items()) {
        for (const auto& [option, value] : options.items()) {
            output.line("  " + printable(module + "." + option + " = " + value.dump()));
        }
    }
}

/// A text or any other value of an object; "-" if there is none.
std::string word_of(const nlohmann::json& object, const char* key)
{
    const auto found = object.find(key);
    return found == object.end() ? std::string("-")
                                 : printable(found->is_string() ? found->get<std::string>() : found->dump());
}

/// When its time is over; nothing for an image without a limit.
std::optional<std::chrono::sys_seconds> limit_of(const nlohmann::json& note)
{
    const auto found = note.find("not_after");
    if (found == note.end() || !found->is_string()) {
        return std::nullopt;
    }
    const auto time = parse_rfc3339(found->get<std::string>());
    return time ? std::optional(*time) : std::nullopt;
}

/// By this machine's clock.
void warn_if_over(const nlohmann::json& note, const Output& output)
{
    if (const auto limit = limit_of(note); limit && *limit <= std::chrono::system_clock::now()) {
        output.note("warning: the image was valid until " + to_rfc3339(*limit) +
                    "; it refuses to serve. Build it anew");
    }
}

/// One module of the image: Configuration(u, m). Error not_found: it is not in Modules(u).
Result<nlohmann::json> module_of(const nlohmann::json& note, const std::string& name)
{
    std::vector<std::string> names;
    for (const auto& module : note.value("modules", nlohmann::json::array())) {
        if (module.value("name", "") == name) {
            nlohmann::json answer = module;
            answer["configuration"] =
                note.value("configuration", nlohmann::json::object()).value(name, nlohmann::json::object());
            return answer;
        }
        names.push_back(module.value("name", ""));
    }
    return fail(FailureKind::not_found, "the image has no module " + name + did_you_mean(name, names));
}

void print_module(const nlohmann::json& module, const Output& output)
{
    output.table({{"module", word_of(module, "name")},
                  {"version", word_of(module, "version")},
                  {"configuration", word_of(module, "configuration_digest")}});
    print_configuration({{module["name"], module["configuration"]}}, output);
}

void print(const CheckedImage& image, const Output& output)
{
    const auto& note = image.facts.description;
    const auto word = [&](const char* key) { return word_of(note, key); };
    const auto limit = limit_of(note);
    output.table({{"name", word("name")},
                  {"digest", image.facts.digest},
                  {"size", human_bytes(image.facts.bytes)},
                  {"seal", "intact"},
                  {"platform", word("platform") + ", " + word("architecture")},
                  {"boots by", printable(join(note.value("boot", nlohmann::json::array())))},
                  {"devices", printable(join(note.value("devices", nlohmann::json::array())))},
                  {"memory", "at least " + word("minimum_memory_mib") + " MiB"},
                  {"command line", "syntax " + word("command_line")},
                  {"valid", limit ? "until " + to_rfc3339(*limit) : "without a limit"},
                  {"modules", printable(module_list(note.value("modules", nlohmann::json::array())))},
                  {"configuration", word("configuration_digest")},
                  {"plan", word("plan_digest")},
                  {"toolchain", word("toolchain")}});
    if (const auto configuration = note.find("configuration");
        configuration != note.end() && configuration->is_object() && !configuration->empty()) {
        output.line("\nConfiguration, sealed into the image:");
        print_configuration(*configuration, output);
    }
}

po::options_description options()
{
    po::options_description options;
    options.add_options()("module", po::value<std::string>()->value_name("NAME"),
                          "only this module of the image, with its configuration");
    options.add(builder_options());
    return options;
}

ExitCode run(const po::variables_map& values, Output& output)
{
    const auto work = TemporaryDirectory::create("unikernel-cli");
    if (!work) {
        return output.error(work.error());
    }
    const std::string reference = values["IMAGE"].as<std::string>();
    const auto image = open_image(reference, values, work->path());
    if (!image) {
        return output.error(image.error());
    }
    warn_if_over(image->facts.description, output);
    if (values.count("module") != 0) {
        const auto module = module_of(image->facts.description, values["module"].as<std::string>());
        if (!module) {
            return output.error(failed, module.error().message);
        }
        output.document(*module);
        print_module(*module, output);
        return success;
    }
    output.document({{"digest", image->facts.digest},
                     {"bytes", image->facts.bytes},
                     {"description", image->facts.description}});
    print(*image, output);
    output.next("unikernel run " + shell_word(reference) + (values.count("local") != 0 ? " --local" : ""));
    return success;
}

}  // namespace

const Command command{
    "inspect", "IMAGE [OPTIONS]", "check an image and show what is in it", help, options, {"IMAGE"}, run};

}  // namespace unikernel::cli::inspect_command
