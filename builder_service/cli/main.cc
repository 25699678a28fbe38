// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "builder_service/cli/command.hh"
#include "builder_service/cli/interruption.hh"

int main(int argc, char** argv)
{
    unikernel::cli::Interruption::prepare();  // before any thread exists
    return unikernel::cli::run_command_line(std::vector<std::string>(argv + 1, argv + argc));
}
