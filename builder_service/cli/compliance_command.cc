// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/command.hh"
#include "builder_service/cli/service_command.hh"
#include "common/util/file.hh"

namespace unikernel::cli::compliance_command
{

namespace po = boost::program_options;
using nlohmann::json;

namespace
{

constexpr std::string_view help =
    R"(Lists the servers that run images of the builder service and says of each whether its image is what its
specification and the stored requirements want, since when, and how long the image is valid. Exit code 1 means that
something is out of compliance, so that scripts and monitors can act on it.

Examples:
  unikernel compliance
  unikernel compliance --html report.html      # tables and a timeline, for a browser
  unikernel compliance --json | jq '.servers[] | select(.compliant | not) | .name'
)";

po::options_description options()
{
    auto options = service_options();
    options.add_options()("html", po::value<std::string>()->value_name("FILE"),
                          "also write the report as a page for people");
    return options;
}

Result<void> write_page(ServiceClient& service, const std::string& file)
{
    const auto page = service.text("/v1/compliance", "text/html");
    return page ? write_file(file, *page, 0644) : tl::unexpected(page.error());
}

void print(const json& report, const Output& output)
{
    std::vector<std::vector<std::string>> rows;
    for (const auto& server : report.value("servers", json::array())) {
        rows.push_back({shown(server, "name"),
                        !server.value("known", true)       ? "unknown"
                        : server.value("compliant", false) ? "yes"
                                                           : "NO",
                        shown(server, "since"), shown(server, "not_after"), shown(server, "reason")});
    }
    output.table({"SERVER", "IN COMPLIANCE", "SINCE", "VALID UNTIL", "REASON"}, rows);
    for (const auto& line : report.value("lines", json::array())) {
        if (line.value("outdated", false)) {
            output.line("image " + shown(line, "name") + " is outdated: " + shown(line, "reason"));
        }
    }
}

ExitCode run(const po::variables_map& values, Output& output)
{
    const auto service = open_service(values);
    if (!service) {
        return output.error(service.error());
    }
    const auto report = (*service)->get("/v1/compliance");
    if (!report) {
        return output.error(report.error());
    }
    if (values.count("html") != 0) {
        if (const auto written = write_page(**service, values["html"].as<std::string>()); !written) {
            return output.error(written.error());
        }
    }
    output.document(*report);
    print(*report, output);
    const bool compliant = report->value("compliant", false);
    output.line(compliant ? "\nEverything is in compliance." : "\nSomething is out of compliance.");
    output.next(compliant ? "unikernel requirement list" : "unikernel rollout list");
    return compliant ? success : failed;
}

}  // namespace

const Command command{"compliance", "[OPTIONS]", "which servers run what is wanted", help, options, {}, run};

}  // namespace unikernel::cli::compliance_command
