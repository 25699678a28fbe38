// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/backend.hh"
#include "builder_service/cli/command.hh"

namespace unikernel::cli::platform_command
{

namespace po = boost::program_options;

namespace
{

constexpr std::string_view help =
    R"(A platform is what an application and its modules are made into an image with.

Example:
  unikernel platform list --local
)";

ExitCode run(const po::variables_map& values, Output& output)
{
    const auto backend = open_backend(values);
    if (!backend) {
        return output.error(backend.error());
    }
    const auto platforms = (*backend)->platforms();
    if (!platforms) {
        return output.error(platforms.error());
    }
    output.document(*platforms);
    std::vector<std::vector<std::string>> rows;
    for (const auto& platform : *platforms) {
        std::string accelerators;
        for (const auto& accelerator : platform.value("accelerators", nlohmann::json::array())) {
            accelerators += (accelerators.empty() ? "" : ", ") + accelerator.get<std::string>();
        }
        rows.push_back({printable(text_of(platform, "name")), printable(text_of(platform, "version")),
                        printable(accelerators)});
    }
    output.table({"NAME", "VERSION", "ACCELERATORS"}, rows);
    output.next("unikernel module list" + (*backend)->flags());
    return success;
}

}  // namespace

const Command list{"platform list", "[OPTIONS]", "the platforms there are", help, builder_options, {}, run};

}  // namespace unikernel::cli::platform_command
