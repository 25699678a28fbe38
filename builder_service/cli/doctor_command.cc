// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "builder_service/cli/backend.hh"
#include "builder_service/cli/checks.hh"
#include "builder_service/cli/command.hh"

namespace unikernel::cli::doctor_command
{

namespace po = boost::program_options;

namespace
{

constexpr std::string_view help =
    R"(Looks at everything that building and running needs on this machine. For each thing that is wrong the
command that mends it is shown. "note" marks what is not needed.

Examples:
  unikernel doctor
  unikernel doctor --json | jq '.[] | select(.verdict == "wrong")'
)";

std::string_view word(Check::Verdict verdict)
{
    return verdict == Check::Verdict::ok ? "ok" : verdict == Check::Verdict::note ? "note" : "wrong";
}

std::vector<Check> all_checks(const po::variables_map& values)
{
    const Locations places = locations(values);
    std::vector<Check> checks{check_tool("g++", "g++"),
                              check_tool("ld", "binutils"),
                              check_tool("objcopy", "binutils"),
                              check_static_library("libc.a", "libc6-dev"),
                              check_static_library("libstdc++.a", "libstdc++-12-dev"),
                              check_sandbox(),
                              check_tool("qemu-system-x86_64", "qemu-system-x86")};
    for (Check& check : check_hypervisor(places.state / "libvirt")) {
        checks.push_back(std::move(check));
    }
    checks.push_back(check_modules(places));
    for (Check& check : check_repositories(places)) {
        checks.push_back(std::move(check));
    }
    checks.push_back(check_sources(places));
    checks.push_back(check_disk(places.state));
    checks.push_back(check_service(service_url(values)));
    return checks;
}

ExitCode run(const po::variables_map& values, Output& output)
{
    const auto checks = all_checks(values);
    auto document = nlohmann::json::array();
    std::vector<std::vector<std::string>> rows;
    for (const Check& check : checks) {
        document.push_back({{"name", check.name},
                            {"verdict", word(check.verdict)},
                            {"detail", check.detail},
                            {"fix", check.fix}});
        rows.push_back({check.name, std::string(word(check.verdict)), printable(check.detail)});
    }
    output.document(document);
    output.table({"CHECK", "", "FOUND"}, rows);
    for (const Check& check : checks) {
        if (check.verdict != Check::Verdict::ok) {
            output.line("\n" + check.name + ": " + check.fix);
        }
    }
    const auto wrong = std::count_if(checks.begin(), checks.end(), [](const Check& check) {
        return check.verdict == Check::Verdict::wrong;
    });
    if (wrong > 0) {
        output.note("\n" + std::to_string(wrong) + (wrong == 1 ? " thing is" : " things are") + " wrong");
        return failed;
    }
    output.next("unikernel build examples/hello-web --local");
    return success;
}

}  // namespace

const Command command{"doctor", "[OPTIONS]", "is everything there that is needed?", help, builder_options,
                      {},       run};

}  // namespace unikernel::cli::doctor_command
