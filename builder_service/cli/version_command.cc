// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/command.hh"

namespace unikernel::cli::version_command
{

namespace po = boost::program_options;

namespace
{

ExitCode run(const po::variables_map&, Output& output)
{
    output.document({{"version", UNIKERNEL_VERSION}});
    output.line("unikernel " UNIKERNEL_VERSION);
    return success;
}

}  // namespace

const Command command{
    "version", "[--json]", "this program's version", "", [] { return po::options_description(); }, {}, run};

}  // namespace unikernel::cli::version_command
