// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/service_instances.hh"

#include <array>
#include <fstream>
#include <regex>

#include "builder_service/cli/backend.hh"
#include "builder_service/cli/command.hh"
#include "builder_service/cli/run_options.hh"
#include "builder_service/cli/service_client.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::cli
{

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace
{

constexpr std::array foreground_options{"local",   "bridge", "address", "gateway",
                                        "console", "grace",  "connect", "firmware"};

/// What the service takes for a name; anything else is none of its.
bool is_instance_name(const std::string& name)
{
    static const std::regex form("[A-Za-z0-9][A-Za-z0-9._-]{0,47}");
    return std::regex_match(name, form);
}

/// The digest of a stored image, or of a file which is stored now; and its own name.
Result<std::pair<std::string, std::string>> image_in_service(const po::variables_map& values,
                                                             ServiceClient& client)
{
    const auto reference = values["IMAGE"].as<std::string>();
    std::error_code error;
    nlohmann::json stored;
    if (fs::is_directory(reference, error))
        return fail(FailureKind::invalid,
                    reference + " is a folder, not an image; to make one: unikernel build " + reference);
    if (fs::exists(reference, error)) {
        auto uploaded = client.upload("/v1/images", reference);
        if (!uploaded)
            return tl::unexpected(uploaded.error());
        stored = std::move(*uploaded);
    } else {
        const auto backend = open_backend(values);
        if (!backend)
            return tl::unexpected(backend.error());
        const auto digest = find_image(**backend, reference);
        if (!digest)
            return tl::unexpected(digest.error());
        auto found = client.get("/v1/images/" + *digest);
        if (!found)
            return tl::unexpected(found.error());
        stored = std::move(*found);
    }
    const auto description = stored.value("description", nlohmann::json::object());
    return std::pair(stored.value("digest", ""), description.value("name", ""));
}

nlohmann::json request_of(const InstanceSpec& spec, const std::string& image)
{
    auto forwards = nlohmann::json::array();
    for (const auto& forward : spec.forwards)
        forwards.push_back({{"host_address", forward.host_address},
                            {"host_port", forward.host_port},
                            {"guest_port", forward.guest_port}});
    return {{"name", spec.name},        {"image", image},       {"memory_mib", spec.memory_mib},
            {"machine", spec.machine},  {"forwards", forwards}, {"arguments", spec.arguments},
            {"outbound", spec.outbound}};
}

/// In the words of running_instances().
nlohmann::json as_listed(const nlohmann::json& instance)
{
    auto forwards = nlohmann::json::array();
    for (const auto& forward : instance.value("forwards", nlohmann::json::array()))
        forwards.push_back({{"address", forward.value("host_address", "")},
                            {"host", forward.value("host_port", 0)},
                            {"guest", forward.value("guest_port", 0)}});
    return {{"name", instance.value("name", "")},
            {"status", instance.value("status", "")},
            {"fault", instance.value("fault", "")},
            {"image", instance.value("image", "")},
            {"pinned", instance.value("pinned", false)},
            {"accelerator", instance.value("accelerator", "")},
            {"memory_mib", instance.value("memory_mib", 0)},
            {"forwards", forwards},
            {"since", instance.value("updated", "")}};
}

void announce(const nlohmann::json& listed, const Output& output)
{
    const auto name = listed.value("name", "");
    output.line(name + " is run by the service with " + std::to_string(listed.value("memory_mib", 0)) +
                " MiB under " + (listed.value("accelerator", "") == "kvm" ? "KVM" : "TCG"));
    for (const auto& forward : listed.at("forwards")) {
        const auto guest = forward.value("guest", 0);
        const std::string scheme = guest == 80 ? "http://" : guest == 443 ? "https://" : "";
        const auto address = forward.value("address", "");
        output.line(scheme + (address == "0.0.0.0" ? "127.0.0.1" : address) + ":" +
                    std::to_string(forward.value("host", 0)) + (scheme.empty() ? "" : "/") + " is its port " +
                    std::to_string(guest));
    }
    output.next("unikernel console " + name);
}

}  // namespace

ExitCode run_detached(const po::variables_map& values, Output& output)
{
    for (const auto* option : foreground_options)
        if (values.count(option) != 0)
            throw UsageError("--" + std::string(option) +
                             " has no place beside --detach: the builder service runs the image then");
    auto spec = instance_spec(values);
    const auto client = ServiceClient::create(service_url(values));
    if (!client)
        return output.error(client.error());
    const auto image = image_in_service(values, **client);
    if (!image)
        return output.error(image.error());
    if (spec.name.empty())
        spec.name = image->second.empty() ? "unikernel" : image->second.substr(0, 48);
    const auto created = (*client)->post("/v1/instances", request_of(spec, image->first));
    if (!created)
        return output.error(created.error());
    const auto listed = as_listed(*created);
    output.document(listed);
    announce(listed, output);
    return success;
}

Result<std::vector<nlohmann::json>> service_instances(const po::variables_map& values)
{
    if (values.count("local") != 0)
        return {};
    const auto client = ServiceClient::create(service_url(values));
    if (!client)
        return tl::unexpected(client.error());
    const auto answer = (*client)->get("/v1/instances");
    std::vector<nlohmann::json> instances;
    if (!answer && values.count("service") != 0)
        return tl::unexpected(answer.error());
    if (answer && answer->contains("instances"))
        for (const auto& instance : (*answer)["instances"])
            instances.push_back(as_listed(instance));
    return instances;
}

Result<void> stop_service_instance(const po::variables_map& values, const std::string& name, bool at_once)
{
    if (values.count("local") != 0 || !is_instance_name(name))
        return fail(FailureKind::not_found, "there is no instance " + name);
    const auto client = ServiceClient::create(service_url(values));
    if (!client)
        return tl::unexpected(client.error());
    return (*client)->remove("/v1/instances/" + name + (at_once ? "?now=true" : ""));
}

namespace console_command
{

namespace
{

constexpr std::string_view help =
    R"(Shows what a unikernel that the builder service runs has printed since it was started (the last MiB).

Examples:
  unikernel console hello-web
)";

ExitCode run(const po::variables_map& values, Output& output)
{
    const auto name = values["NAME"].as<std::string>();
    if (values.count("local") != 0)
        throw UsageError(
            "--local: the console of a unikernel in the foreground is where \"unikernel run\" was typed");
    if (!is_instance_name(name))
        return output.error(rejected, "\"" + name + "\" is no name of an instance; unikernel ps lists them");
    const auto client = ServiceClient::create(service_url(values));
    if (!client)
        return output.error(client.error());
    const auto work = TemporaryDirectory::create("unikernel-console");
    if (!work)
        return output.error(work.error());
    const auto file = work->path() / "console";
    if (const auto read = (*client)->download("/v1/instances/" + name + "/console", file); !read)
        return output.error(read.error());
    auto lines = nlohmann::json::array();
    std::ifstream text(file, std::ios::binary);
    for (std::string line; std::getline(text, line);) {
        if (line.ends_with('\r'))
            line.pop_back();
        lines.push_back(printable(line));
        output.line(lines.back().get<std::string>());
    }
    output.document({{"name", name}, {"console", lines}});
    return success;
}

}  // namespace

const Command command{"console", "NAME [OPTIONS]", "the console of a unikernel that the service runs",
                      help,      builder_options,  {"NAME"},
                      run};

}  // namespace console_command

}  // namespace unikernel::cli
