// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/command.hh"

#include <algorithm>
#include <iostream>
#include <numeric>

#include "common/util/nearest.hh"

namespace unikernel::cli
{

namespace po = boost::program_options;

namespace
{

constexpr std::string_view introduction =
    R"(unikernel: seals an ordinary application and its security requirements into a bootable unikernel

Usage: unikernel COMMAND [OPTIONS]

)";

constexpr std::string_view conclusion = R"(
Start here:
  unikernel doctor                                     is everything there that is needed?
  unikernel build examples/hello-web --local           an image from a folder with a unikernel.yaml
  unikernel run hello-web --local --forward 8080:80    boot it; http://127.0.0.1:8080/ is its port 80
  unikernel COMMAND --help                             more about one command, with examples

Exit codes:
  0    it worked
  1    the build, the unikernel or a check failed, or something is out of compliance
  2    wrong command line
  3    the input is at fault: spec, requirement, source bundle or image
  4    the builder service, or something else that is needed, does not answer
  130  interrupted
)";

void print_overview(std::ostream& stream)
{
    stream << introduction << "Commands:\n";
    for (const Command& command : commands()) {
        stream << "  " << command.name << std::string(20 - command.name.size(), ' ') << command.summary
               << "\n";
    }
    stream << conclusion;
}

po::options_description all_options(const Command& command)
{
    po::options_description options("Options");
    options.add(command.options());
    options.add(common_options());
    return options;
}

void print_help(const Command& command, std::ostream& stream)
{
    stream << command.summary << "\n\nUsage: unikernel " << command.name << " " << command.synopsis << "\n\n"
           << command.help << "\n"
           << all_options(command);
}

std::vector<std::string> option_names(const po::options_description& options)
{
    std::vector<std::string> names;
    for (const auto& option : options.options()) {
        names.push_back("--" + option->long_name());
    }
    return names;
}

/// Words of a command line that are no options, with their names.
po::positional_options_description positions(const Command& command)
{
    po::positional_options_description positions;
    for (const std::string& operand : command.operands) {
        const bool repeated = operand.ends_with("...");
        positions.add(repeated ? operand.substr(0, operand.size() - 3).c_str() : operand.c_str(),
                      repeated ? -1 : 1);
    }
    return positions;
}

po::variables_map parse(const Command& command, const std::vector<std::string>& words)
{
    const auto visible = all_options(command);
    po::options_description everything;
    everything.add(visible);
    const auto style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    // What follows "--" is for the application inside the unikernel, whatever it looks like.
    const auto separator = std::find(words.begin(), words.end(), "--");
    const std::vector<std::string> own(words.begin(), separator);
    for (const std::string& operand : command.operands) {
        const bool repeated = operand.ends_with("...");
        repeated ? everything.add_options()(operand.substr(0, operand.size() - 3).c_str(),
                                            po::value<std::vector<std::string>>())
                 : everything.add_options()(operand.c_str(), po::value<std::string>());
    }
    po::variables_map values;
    try {
        po::store(po::command_line_parser(own)
                      .options(everything)
                      .positional(positions(command))
                      .style(style)
                      .run(),
                  values);
        po::notify(values);
    } catch (const po::unknown_option& unknown) {
        const std::string name = unknown.get_option_name();
        const auto near = nearest(name, option_names(visible));
        throw UsageError("unknown option " + name +
                         (near ? "; did you mean " + *near + "?" : "; see --help"));
    } catch (const po::too_many_positional_options_error&) {
        throw UsageError("too many arguments; usage: unikernel " + std::string(command.name) + " " +
                         std::string(command.synopsis));
    } catch (const po::error& error) {
        throw UsageError(error.what());
    }
    if (separator != words.end()) {
        if (command.name != "run") {
            throw UsageError("\"--\" and what follows it belong to the command run only");
        }
        values.insert(
            {"arguments",
             po::variable_value(boost::any(std::vector<std::string>(separator + 1, words.end())), false)});
    }
    for (const std::string& operand : command.operands) {
        if (!operand.starts_with("[") && !operand.ends_with("...") && !values.count("help") &&
            !values.count(operand)) {
            throw UsageError(operand + " is missing; usage: unikernel " + std::string(command.name) + " " +
                             std::string(command.synopsis));
        }
    }
    return values;
}

/// The command the words begin with (one or two words), or an explanation.
const Command& find_command(const std::vector<std::string>& words)
{
    std::vector<std::string> names;
    for (const Command& command : commands()) {
        const auto length =
            static_cast<std::ptrdiff_t>(std::count(command.name.begin(), command.name.end(), ' ')) + 1;
        if (std::ssize(words) >= length) {
            const std::string said = std::accumulate(
                words.begin() + 1, words.begin() + length, words.front(),
                [](const std::string& left, const std::string& right) { return left + " " + right; });
            if (said == command.name) {
                return command;
            }
        }
        names.emplace_back(command.name);
    }
    std::vector<std::string> followers;
    for (const std::string& name : names) {
        if (name.starts_with(words.front() + " ")) {
            followers.push_back(name.substr(words.front().size() + 1));
        }
    }
    if (!followers.empty()) {
        const std::string choice = std::accumulate(
            followers.begin() + 1, followers.end(), followers.front(),
            [](const std::string& left, const std::string& right) { return left + " or " + right; });
        throw UsageError("unikernel " + words.front() + " wants " + choice +
                         (words.size() > 1 ? ", not \"" + words[1] + "\"" : ""));
    }
    const auto near = nearest(words.front(), names);
    throw UsageError("unknown command \"" + words.front() + "\"; " +
                     (near ? "did you mean \"" + *near + "\"?" : "unikernel --help lists them"));
}

ExitCode dispatch(const std::vector<std::string>& words)
{
    const Command& command = find_command(words);
    const auto length = std::count(command.name.begin(), command.name.end(), ' ') + 1;
    const std::vector<std::string> rest(words.begin() + length, words.end());
    const auto values = parse(command, rest);
    if (values.count("help") != 0) {
        print_help(command, std::cout);
        return success;
    }
    Output output(values.count("json") != 0, values.count("quiet") != 0);
    return command.run(values, output);
}

}  // namespace

const std::vector<Command>& commands()
{
    static const std::vector<Command> all{
        build_command::command,      run_command::command,      instances_command::ps,
        instances_command::stop,     console_command::command,  inspect_command::command,
        module_command::list,        module_command::show,      lint_command::command,
        repository_command::list,    repository_command::pack,  platform_command::list,
        requirement_command::apply,  requirement_command::list, requirement_command::show,
        requirement_command::remove, rollout_command::list,     rollout_command::show,
        rollout_command::pause,      rollout_command::resume,   rollout_command::abort,
        compliance_command::command, doctor_command::command,   version_command::command};
    return all;
}

po::options_description common_options()
{
    po::options_description options;
    options.add_options()("json", "one JSON document on standard output, all else on standard error")(
        "quiet,q", "say only what went wrong")("help,h", "this text");
    return options;
}

po::options_description builder_options()
{
    po::options_description options;
    options.add_options()("service", po::value<std::string>()->value_name("URL"),
                          "builder service; else $UNIKERNEL_SERVICE, else http://127.0.0.1:8770")(
        "local", "no service: do the work in this process")(
        "state", po::value<std::string>()->value_name("DIR"),
        "where images are kept; else ~/.local/state/unikernel (XDG_STATE_HOME)")(
        "config", po::value<std::string>()->value_name("FILE"),
        "with --local: whose [repository:...] and [pins] hold; else "
        "~/.config/unikernel/unikernel-builder.conf, if there is one");
    return options;
}

po::options_description service_options()
{
    po::options_description options;
    options.add_options()("service", po::value<std::string>()->value_name("URL"),
                          "builder service; else $UNIKERNEL_SERVICE, else http://127.0.0.1:8770");
    return options;
}

int run_command_line(const std::vector<std::string>& words)
{
    if (words.empty()) {
        print_overview(std::cerr);
        return usage;
    }
    if (words.front() == "--help" || words.front() == "-h" || words.front() == "help") {
        print_overview(std::cout);
        return success;
    }
    try {
        return dispatch(words.front() == "--version" ? std::vector<std::string>{"version"} : words);
    } catch (const UsageError& error) {
        std::cerr << "unikernel: " << error.what() << "\n";
        return usage;
    } catch (const std::exception& error) {
        std::cerr << "unikernel: internal error: " << error.what() << "\n";
        return failed;
    }
}

std::string shell_word(std::string_view word)
{
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";
    if (!word.empty() && word.find_first_not_of(plain) == std::string_view::npos) {
        return std::string(word);
    }
    std::string quoted = "'";
    for (const char character : word) {
        quoted += character == '\'' ? std::string("'\\''") : std::string(1, character);
    }
    return quoted + "'";
}

}  // namespace unikernel::cli
