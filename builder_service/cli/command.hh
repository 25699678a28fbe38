// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <boost/program_options.hpp>

#include "builder_service/cli/exit_code.hh"
#include "builder_service/cli/output.hh"

namespace unikernel::cli
{

/// A command line that cannot be meant; ends in exit code 2.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// One command, with the help that teaches it.
struct Command {
    std::string_view name;      ///< "build", "module list"
    std::string_view synopsis;  ///< what follows the name
    std::string_view summary;   ///< one line
    std::string_view help;      ///< paragraphs and examples
    boost::program_options::options_description (*options)();
    /// `operands`: names of the positional arguments; the last may end in "..." (repeated), an optional
    /// one is in brackets.
    std::vector<std::string> operands;
    ExitCode (*run)(const boost::program_options::variables_map& values, Output& output);
};

/// All commands, in the order of the help.
const std::vector<Command>& commands();

/// Options every command has: --json, --quiet, --help.
boost::program_options::options_description common_options();
/// Options of commands that need a builder: --service, --local, --state, --config.
boost::program_options::options_description builder_options();

/// Of commands that only a service can do: --service.
boost::program_options::options_description service_options();

/// Finds and runs the command; prints errors. The whole program but main.
int run_command_line(const std::vector<std::string>& words);

/// `word` quoted for a shell if it must be.
std::string shell_word(std::string_view word);

// The commands' entry points, each in the file of its name.
namespace build_command
{
extern const Command command;
}
namespace run_command
{
extern const Command command;
}
namespace instances_command
{
extern const Command ps, stop;
}
namespace console_command
{
extern const Command command;
}
namespace inspect_command
{
extern const Command command;
}
namespace module_command
{
extern const Command list, show;
}
namespace repository_command
{
extern const Command list, pack;
}
namespace lint_command
{
extern const Command command;
}
namespace platform_command
{
extern const Command list;
}
namespace requirement_command
{
extern const Command apply, list, show, remove;
}
namespace rollout_command
{
extern const Command list, show, pause, resume, abort;
}
namespace compliance_command
{
extern const Command command;
}
namespace doctor_command
{
extern const Command command;
}
namespace version_command
{
extern const Command command;
}

}  // namespace unikernel::cli
