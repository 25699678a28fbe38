// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/settings.hh"

#include <algorithm>
#include <sstream>
#include <thread>

#include <unistd.h>

#include <boost/program_options.hpp>

#include "builder_service/builds/locations.hh"
#include "builder_service/identity/policy.hh"
#include "common/util/digest.hh"
#include "common/util/settings_file.hh"

namespace unikernel::api
{

namespace po = boost::program_options;
namespace fs = std::filesystem;

namespace
{

constexpr const char* usual_policy = "/etc/unikernel/policy.yaml";

constexpr std::string_view synopsis =
    "unikernel-builder: turns applications and security requirements into unikernel images.\n\n"
    "Without options it answers http://127.0.0.1:8770 to programs of this machine and keeps\n"
    "its state below your home. Every option below may also stand in the configuration file\n"
    "as a line `name = value`; the command line wins. The file may also hold the sections\n"
    "[keystone_authtoken], [glance] and [nova] of a service of OpenStack, [reconcile] and [database].\n\n"
    "  unikernel-builder                          # embedded defaults\n"
    "  unikernel-builder --listen 127.0.0.1:0     # any free port, printed at start\n"
    "  unikernel-builder --prepare                # compile ahead, once, what images share\n"
    "  curl http://127.0.0.1:8770/healthcheck     # is it well?\n\n";

po::options_description command_line_only(const Locations& places)
{
    po::options_description options("On the command line only");
    options.add_options()("help,h", "this text")("version", "the version")(
        "print-policy", "the rules compiled in, as a sample of a policy file")(
        "prepare",
        "compile into the cache what images have in common, say what was missing, and end; for use "
        "after an installation or an upgrade, so that no build has to")(
        "config", po::value<std::string>(),
        ("configuration file; default " + places.config.string() + ", if it exists").c_str());
    return options;
}

po::options_description everywhere(const Locations& places)
{
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto text = [](const std::string& value) { return po::value<std::string>()->default_value(value); };
    const auto number = [](std::int64_t value) { return po::value<std::int64_t>()->default_value(value); };
    po::options_description options("Options");
    options.add_options()("listen", text("127.0.0.1:8770"),
                          "address and port; port 0: any free one. Without identity: a loopback address")(
        "identity", text("none"),
        "none: everybody who reaches the service may do everything; keystone: "
        "tokens of OpenStack, checked as [keystone_authtoken] says")(
        "public-url", text(""),
        "URL at which clients reach the service, for links; empty: what they call it")(
        "policy-file", text(""),
        "rules of who may do what; default /etc/unikernel/policy.yaml, if it exists")(
        "port-file", text(""), "file that gets the port's number once requests are answered")(
        "state", text(places.state), "folder of builds and images")(
        "artifacts", text(""),
        "folder of bundles and images alone, which the builders of one database share; empty: state")(
        "cache", text(places.cache), "folder of compiled objects and third-party sources")(
        "modules", text(places.modules), "folder of module folders")(
        "platforms", text(places.platforms), "folder of platform folders")("workers", number(cores),
                                                                           "builds at once, 1 to 256")(
        "queue", number(64),
        "builds that may wait, 1 to 100000, half of them of one project; more are refused")(
        "build-time-limit", number(600), "seconds for one build, 1 to 86400")(
        "log-limit", number(2048), "KiB of progress and tool output of one build, 1 to 1048576")(
        "keep-builds", number(1000), "ended builds of each project that are remembered, 1 to 1000000")(
        "project-bundles", number(1024),
        "MiB of source bundles of each project that no build which waits or runs and no line of images "
        "needs, "
        "64 to 1048576; more are refused")("disk-reserve", number(256),
                                           "MiB of the disk that are left free, 0 to 1048576")(
        "repository-interval", number(60), "seconds between two looks at bundles of modules, 1 to 86400")(
        "drain-time", number(20), "seconds that running builds get to end when the service stops, 0 to 3600")(
        "boot-check", po::value<bool>()->default_value(true), "boot each image once before it is stored")(
        "boot-time-limit", number(60), "seconds for one boot check, 1 to 3600")(
        "libvirt-uri", text(""),
        "libvirt connection of boot checks; empty: whichever works; private: a daemon of the service's own")(
        "firmware", text("auto"), "of the guests: auto, qboot where QEMU brings it; or bios, QEMU's default")(
        "log-format", text("plain"), "plain or json, one line per event, to standard error")(
        "log-level", text("info"), "debug, info, warning or error");
    return options;
}

Result<std::int64_t> in_range(const po::variables_map& values, const char* name, std::int64_t least,
                              std::int64_t most)
{
    const auto value = values[name].as<std::int64_t>();
    if (value < least || value > most)
        return fail(FailureKind::invalid, std::string(name) + ": " + std::to_string(value) + " is not in " +
                                              std::to_string(least) + " to " + std::to_string(most));
    return value;
}

/// What stands in the file before its first section.
Result<void> read_keys(const SettingsFile& file, const po::options_description& known,
                       po::variables_map& values)
{
    const auto top = file.sections.find("");
    if (top == file.sections.end())
        return {};
    po::parsed_options parsed(&known);
    for (const auto& entry : top->second) {
        if (known.find_nothrow(entry.key, false) == nullptr) {
            std::string names;
            for (const auto& option : known.options())
                names += (names.empty() ? "" : ", ") + option->long_name();
            return fail(FailureKind::invalid,
                        file.file.string() + ": unknown key '" + entry.key + "'; known: " + names);
        }
        parsed.options.emplace_back(entry.key, std::vector<std::string>{entry.value});
    }
    try {
        po::store(parsed, values);
        return {};
    } catch (const po::error& problem) {
        return fail(FailureKind::invalid, file.file.string() + ": " + problem.what());
    }
}

Result<void> read_identity(const po::variables_map& values, Settings& settings)
{
    const auto identity = values["identity"].as<std::string>();
    if (identity != "none" && identity != "keystone")
        return fail(FailureKind::invalid, "identity: '" + identity + "' is neither none nor keystone");
    settings.identity = identity == "none" ? Settings::Identity::none : Settings::Identity::keystone;
    auto& url = settings.public_url = values["public-url"].as<std::string>();
    while (url.ends_with('/'))
        url.pop_back();
    if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://"))
        return fail(FailureKind::invalid, "public-url: '" + url + "' must begin with http:// or https://");
    settings.policy_file = values["policy-file"].as<std::string>();
    std::error_code code;
    if (settings.policy_file.empty() && fs::exists(usual_policy, code))
        settings.policy_file = usual_policy;
    return {};
}

/// Numbers of the options with their ranges; `problem` gets the first that is out of range.
class Numbers
{
public:
    explicit Numbers(const po::variables_map& values) : values_(values) {}
    template <typename Integer>
    Integer read(const char* name, std::int64_t least, std::int64_t most)
    {
        const auto value = in_range(values_, name, least, most);
        if (!value && problem_.empty())
            problem_ = value.error().message;
        return static_cast<Integer>(value.value_or(least));
    }
    const std::string& problem() const { return problem_; }

private:
    const po::variables_map& values_;
    std::string problem_;
};

Result<Settings> typed(const po::variables_map& values)
{
    const auto text = [&](const char* name) { return values[name].as<std::string>(); };
    Numbers numbers(values);
    Settings settings;
    settings.listen = text("listen");
    settings.port_file = text("port-file");
    settings.state = fs::absolute(text("state"));
    settings.artifacts = text("artifacts").empty() ? settings.state : fs::absolute(text("artifacts"));
    settings.cache = fs::absolute(text("cache"));
    settings.modules = fs::absolute(text("modules"));
    settings.platforms = fs::absolute(text("platforms"));
    settings.workers = numbers.read<unsigned>("workers", 1, 256);
    settings.queue = numbers.read<std::size_t>("queue", 1, 100'000);
    settings.build_time_limit =
        std::chrono::seconds(numbers.read<std::int64_t>("build-time-limit", 1, 86'400));
    settings.log_limit = numbers.read<std::uint64_t>("log-limit", 1, 1'048'576) << 10;
    settings.keep_builds = numbers.read<std::size_t>("keep-builds", 1, 1'000'000);
    settings.project_bundles = numbers.read<std::uint64_t>("project-bundles", 64, 1'048'576) << 20;
    settings.disk_reserve = numbers.read<std::uint64_t>("disk-reserve", 0, 1'048'576) << 20;
    settings.drain_time = std::chrono::seconds(numbers.read<std::int64_t>("drain-time", 0, 3600));
    settings.repository_interval =
        std::chrono::seconds(numbers.read<std::int64_t>("repository-interval", 1, 86'400));
    settings.boot_check = values["boot-check"].as<bool>();
    settings.boot_time_limit = std::chrono::seconds(numbers.read<std::int64_t>("boot-time-limit", 1, 3600));
    settings.libvirt_uri = text("libvirt-uri");
    const auto firmware = parse_firmware(text("firmware"));
    if (!firmware)
        return tl::unexpected(firmware.error());
    settings.firmware = *firmware;
    const auto format = text("log-format");
    settings.log_json = format == "json";
    settings.log_level = text("log-level");
    if (auto read = read_identity(values, settings); !read)
        return tl::unexpected(read.error());
    if (!numbers.problem().empty())
        return fail(FailureKind::invalid, numbers.problem());
    if (format != "plain" && format != "json")
        return fail(FailureKind::invalid, "log-format: '" + format + "' is neither plain nor json");
    static constexpr std::string_view levels[] = {"debug", "info", "warning", "error"};
    if (std::find(std::begin(levels), std::end(levels), settings.log_level) == std::end(levels))
        return fail(FailureKind::invalid,
                    "log-level: '" + settings.log_level + "' is none of debug, info, warning, error");
    return settings;
}

}  // namespace

std::string builder_name(const Settings& settings)
{
    constexpr std::size_t longest = 255;  // characters that the database takes
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    const auto name = std::string(host) + ":" + settings.state.string();
    return name.size() <= longest ? name : to_string(sha256(name));
}

Result<Settings> read_settings(int argc, const char* const* argv)
{
    const auto places = default_locations();
    const auto known = everywhere(places);
    po::options_description all("");
    all.add(command_line_only(places)).add(known);
    po::variables_map values;
    try {
        po::store(po::command_line_parser(argc, argv).options(all).positional({}).run(), values);
    } catch (const po::error& problem) {
        return fail(FailureKind::invalid, std::string(problem.what()) + "; see --help");
    }
    Settings print;
    if (values.count("help") != 0) {
        std::ostringstream help;
        help << synopsis << all;
        print.only_print = help.str();
        return print;
    }
    if (values.count("print-policy") != 0) {
        print.only_print = Policy::sample();
        return print;
    }
    if (values.count("version") != 0) {
        print.only_print = "unikernel-builder " UNIKERNEL_VERSION "\n";
        return print;
    }
    std::error_code code;
    const bool named = values.count("config") != 0;
    const fs::path file = named ? fs::path(values["config"].as<std::string>()) : places.config;
    OpenStackSettings openstack;
    ReconcileKeys reconcile;
    DatabaseKeys database;
    RepositoriesSettings repositories;
    if (named || fs::exists(file, code)) {
        const auto read = read_settings_file(file);
        if (!read)
            return tl::unexpected(read.error());
        if (auto taken = read_keys(*read, known, values); !taken)
            return tl::unexpected(taken.error());
        auto sections = openstack_settings(*read, reconcile, database);
        if (!sections)
            return tl::unexpected(sections.error());
        openstack = std::move(*sections);
        auto others = repositories_settings(*read);
        if (!others)
            return tl::unexpected(others.error());
        repositories = std::move(*others);
    }
    auto settings = typed(values);
    if (!settings)
        return settings;
    auto location = database_location(database, settings->state);
    if (!location)
        return tl::unexpected(location.error());
    settings->prepare = values.count("prepare") != 0;
    settings->database = std::move(*location);
    settings->openstack = std::move(openstack);
    settings->reconcile = reconcile;
    settings->repositories = std::move(repositories);
    return settings;
}

}  // namespace unikernel::api
