// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/backend.hh"
#include "builder_service/cli/command.hh"
#include "builder_service/repositories/signature.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/decode/module.hh"
#include "common/decode/reader.hh"
#include "common/util/digest.hh"
#include "common/util/file.hh"
#include "common/util/pattern.hh"

namespace unikernel::cli::repository_command
{

namespace fs = std::filesystem;
namespace po = boost::program_options;

namespace
{

constexpr std::string_view list_help =
    R"(Where modules come from: the builder's own folder, other folders, and signed bundles, as the configuration
file names them; that of a service, or with --local ~/.config/unikernel/unikernel-builder.conf. "cached" is a bundle
whose source is gone and which is used as it was fetched. While one is "unusable" no image is made in which it might
have a say.

Examples:
  unikernel repository list --local
  unikernel repository list --json | jq -r '.[] | select(.state == "unusable") | .error'
)";

constexpr std::string_view pack_help =
    R"(Makes one file of a folder of modules, which builders can use from any web server or folder, and signs it.
The same modules always give the same bytes. Beside FILE its signature is written, FILE.sig. What is printed goes
into the configuration file of a builder; the digest there decides which modules it takes.

Examples:
  openssl genpkey -algorithm ed25519 -out modules.pem
  openssl pkey -in modules.pem -pubout -out modules.pub
  unikernel repository pack my-modules --key modules.pem --output my-modules.tar.gz
)";

ExitCode run_list(const po::variables_map& values, Output& output)
{
    const auto backend = open_backend(values);
    if (!backend) {
        return output.error(backend.error());
    }
    const auto repositories = (*backend)->repositories();
    if (!repositories) {
        return output.error(repositories.error());
    }
    output.document(*repositories);
    std::vector<std::vector<std::string>> rows;
    bool usable = true;
    for (const auto& each : *repositories) {
        rows.push_back({printable(text_of(each, "name")), printable(text_of(each, "kind")),
                        text_of(each, "priority"), text_of(each, "modules"),
                        printable(text_of(each, "state")), printable(text_of(each, "location"))});
        usable = usable && text_of(each, "state") != "unusable";
    }
    output.table({"NAME", "KIND", "PRIORITY", "MODULES", "STATE", "LOCATION"}, rows);
    for (const auto& each : *repositories) {
        if (const std::string error = text_of(each, "error"); !error.empty()) {
            output.line("\n" + printable(text_of(each, "name") + ": " + error));
        }
    }
    return usable ? success : failed;
}

/// What a configuration file needs to have it.
std::string section(const fs::path& folder, const fs::path& bundle, const std::string& digest, bool is_signed)
{
    const std::string name = fs::absolute(folder / ".").parent_path().filename().string();
    return "[repository:" + (matches(name, name_expression) ? name : "NAME") + "]\nbundle = file://" +
           printable(fs::absolute(bundle).lexically_normal().string()) + "\ndigest = " + digest +
           (is_signed ? "\nkey = /path/of/the/public/key.pem" : "");
}

ExitCode run_pack(const po::variables_map& values, Output& output)
{
    const fs::path folder = values["FOLDER"].as<std::string>();
    if (values.count("output") == 0) {
        throw UsageError("--output is missing; usage: unikernel repository pack FOLDER --key KEY.pem "
                         "--output FILE");
    }
    const fs::path target = values["output"].as<std::string>();
    const auto modules = load_repository(folder);
    if (!modules) {
        return output.error(modules.error());
    }
    if (modules->all().empty()) {
        return output.error({FailureKind::invalid, folder.string() + " holds no module: no */module.yaml"});
    }
    const auto tar = pack_bundle(folder);
    const auto packed = tar ? compressed(*tar) : tar;
    if (!packed) {
        return output.error(packed.error());
    }
    const bool is_signed = values.count("key") != 0;
    const auto signature = is_signed ? sign(values["key"].as<std::string>(), *packed) : std::string();
    if (!signature) {
        return output.error(signature.error());
    }
    const fs::path beside = target.string() + ".sig";
    Result<void> written = is_signed ? write_file_atomically(beside, *signature) : Result<void>{};
    written = written ? write_file_atomically(target, *packed) : written;
    if (!written) {
        return output.error(written.error());
    }
    const std::string digest = to_string(sha256(*packed));
    auto names = nlohmann::json::array();
    for (const ModulePtr& module : modules->all()) {
        names.push_back({{"name", module->name}, {"version", module->version}});
    }
    output.document({{"bundle", target.string()},
                     {"signature", is_signed ? nlohmann::json(beside.string()) : nlohmann::json()},
                     {"digest", digest},
                     {"modules", names}});
    output.line("# " + std::to_string(names.size()) + (names.size() == 1 ? " module, " : " modules, ") +
                human_bytes(packed->size()) + (is_signed ? "" : ", not signed") + "\n" +
                section(folder, target, digest, is_signed));
    return success;
}

po::options_description pack_options()
{
    po::options_description options;
    options.add_options()("key", po::value<std::string>()->value_name("KEY.pem"),
                          "private Ed25519 key; without one the bundle is not signed")(
        "output,o", po::value<std::string>()->value_name("FILE"), "the bundle; its signature is FILE.sig");
    return options;
}

}  // namespace

const Command list{"repository list", "[OPTIONS]", "where modules come from", list_help, builder_options, {},
                   run_list};
const Command pack{"repository pack",
                   "FOLDER --key KEY.pem --output FILE",
                   "makes a signed bundle of a folder of modules",
                   pack_help,
                   pack_options,
                   {"FOLDER"},
                   run_pack};

}  // namespace unikernel::cli::repository_command
