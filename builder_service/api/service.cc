// SPDX-License-Identifier: Apache-2.0
#include "builder_service/api/service.hh"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "builder_service/api/http_server.hh"
#include "builder_service/api/logging.hh"
#include "builder_service/api/loop.hh"
#include "builder_service/api/routes.hh"
#include "builder_service/api/views.hh"
#include "builder_service/fleet/instance_fleet.hh"
#include "builder_service/fleet/no_servers.hh"
#include "builder_service/fleet/nova_fleet.hh"
#include "builder_service/identity/domains.hh"
#include "builder_service/identity/keystone.hh"
#include "builder_service/identity/policy.hh"
#include "builder_service/instances/instance_service.hh"
#include "builder_service/publishing/glance_publishing.hh"
#include "builder_service/repositories/repository_watch.hh"

namespace unikernel::api
{

namespace
{

using std::chrono::milliseconds;

constexpr milliseconds stop_builds_limit{10'000};
constexpr milliseconds stop_server_limit{5'000};

/// SIGTERM and SIGINT as something to wait for. A handler and not a signal mask, because a mask
/// (and an ignored SIGPIPE) would be inherited by every compiler and guest that is started.
class StopSignals
{
public:
    static void install()
    {
        descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        struct sigaction action {
        };
        action.sa_flags = SA_RESTART;
        action.sa_handler = [](int) {
            const std::uint64_t one = 1;
            const int saved = errno;
            [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
            errno = saved;
        };
        ::sigaction(SIGTERM, &action, nullptr);
        ::sigaction(SIGINT, &action, nullptr);
        action.sa_handler = [](int) {};
        ::sigaction(SIGPIPE, &action, nullptr);
    }
    /// Waits for one; false when the time was over first. Negative: no limit.
    static bool wait(int limit_ms)
    {
        pollfd poll_entry{descriptor_, POLLIN, 0};
        std::uint64_t count = 0;
        while (::poll(&poll_entry, 1, limit_ms) < 0 && errno == EINTR) {
        }
        return ::read(descriptor_, &count, sizeof count) == sizeof count;
    }

private:
    static inline int descriptor_ = -1;
};

int refuse(const Failure& failure, int status)
{
    std::cerr << "unikernel-builder: " << failure.message << std::endl;
    return status;
}

/// False: something did not end in time.
bool shut_down(BuildService& builds, EventPump& events, HttpServer& server, const Settings& settings)
{
    spdlog::info("stopping; running builds have {} s to end", settings.drain_time.count());
    builds.refuse_new();
    const auto deadline = std::chrono::steady_clock::now() + settings.drain_time;
    while (!builds.idle() && std::chrono::steady_clock::now() < deadline && !StopSignals::wait(100)) {
    }
    bool ended = builds.drain(stop_builds_limit);
    events.close_all();
    ended = server.stop(stop_server_limit) && ended;
    spdlog::info("stopped");
    return ended;
}

/// Who is recognised, and what they may do.
struct Identity {
    std::unique_ptr<Session> session;  ///< null without Keystone
    std::unique_ptr<Authenticator> authenticator;
    std::unique_ptr<Policy> policy;

    static Result<Identity> open(const Settings& settings)
    {
        Identity identity;
        auto policy = Policy::open(settings.policy_file);
        if (!policy)
            return tl::unexpected(policy.error());
        identity.policy = std::move(*policy);
        if (settings.identity == Settings::Identity::none) {
            identity.authenticator = std::make_unique<NoIdentity>();
            return identity;
        }
        for (const auto& notice : settings.openstack.notices)
            spdlog::info("{}", notice);
        auto session = Session::create(settings.openstack.account);
        if (!session)
            return tl::unexpected(session.error());
        identity.session = std::move(*session);
        identity.authenticator =
            std::make_unique<KeystoneAuthenticator>(settings.openstack.authentication, *identity.session);
        return identity;
    }
};

/// The folders on disk, which are this process's as long as it lives.
struct Stores {
    FileDescriptor state_lock{};  ///< none: the store's own lock is on the same folder
    std::unique_ptr<ArtifactStore> artifacts = {};

    static Result<Stores> open(const Settings& settings, const Backend& backend)
    {
        Stores stores;
        const bool apart = settings.artifacts != settings.state;
        if (apart) {
            auto lock = lock_folder(settings.state);
            if (!lock)
                return tl::unexpected(lock.error());
            stores.state_lock = std::move(*lock);
        }
        const bool shared = apart && settings.database.file.empty();
        auto artifacts = ArtifactStore::open(settings.artifacts, settings.disk_reserve, backend.inspect,
                                             shared ? ArtifactStore::Use::shared : ArtifactStore::Use::alone);
        if (!artifacts)
            return tl::unexpected(artifacts.error());
        stores.artifacts = std::move(*artifacts);
        return stores;
    }
};

/// Builders of one database have one folder of bundles and images; else one would not find what another made.
Result<void> must_share(const Settings& settings, BuilderRepository& builders, const std::string& name)
{
    if (name.empty())
        return {};
    const auto here = builders.beat(name);  // so that of two that start at once one sees the other
    const auto others = here ? builders.others(name)
                             : Result<std::map<std::string, std::int64_t>>(tl::unexpected(here.error()));
    if (!others)
        return tl::unexpected(others.error());
    if (others->empty() || settings.artifacts != settings.state)
        return {};
    (void)builders.leave(name);
    return fail(
        FailureKind::conflict,
        "builder " + others->begin()->first +
            " uses this database too; give all of its builders one folder of bundles and images, on a file "
            "system that they share: artifacts = FOLDER");
}

Result<std::unique_ptr<Database>> open_database(const DatabaseLocation& location)
{
    return Database::open(location.file.empty() ? mariadb_engine(location) : sqlite_engine(location.file));
}

/// Empty without Keystone.
std::function<Result<void>(const std::string&)> domain_check(Session* session)
{
    if (session == nullptr)
        return {};
    return [session](const std::string& id) { return check_domain(*session, id); };
}

/// Null: images stay in the service.
std::unique_ptr<GlancePublishing> glance_publishing(const Settings& settings, Session* session,
                                                    BuildRepository& repository)
{
    const auto& glance = settings.openstack.glance;
    if (session == nullptr || !glance.publish)
        return nullptr;
    return std::make_unique<GlancePublishing>(
        *session,
        Glance::Settings{.endpoint_override = glance.endpoint_override,
                         .region = glance.region_name,
                         .interface = glance.interface},
        Publisher::Settings{.attempts = glance.attempts, .project_bytes = glance.project_bytes}, repository);
}

/// Null: servers are Nova's, or the database is not this builder's alone, and another one runs the instances
/// in it.
std::unique_ptr<InstanceService> own_instances(const Settings& settings, const Backend& backend,
                                               ArtifactCatalog& artifacts, InstanceRepository& stored)
{
    if (settings.identity != Settings::Identity::none || settings.database.file.empty())
        return nullptr;
    auto connect = backend.hypervisor;
    if (!connect)
        connect = []() -> Result<std::shared_ptr<Hypervisor>> {
            return fail(FailureKind::unavailable, "this service has no hypervisor");
        };
    const auto image = [&artifacts](const std::string& digest) {
        return artifacts.image(digest, Scope{.project = {}, .all_projects = true});
    };
    return std::make_unique<InstanceService>(
        InstanceService::Settings{.folder = settings.state / "instances"},
        InstanceService::Needs{.connect = std::move(connect), .image = image, .is_open = is_open}, stored);
}

/// Those whose servers follow the requirements.
struct Servers {
    std::unique_ptr<Nova> nova;  ///< null: the fleet is another
    std::shared_ptr<Fleet> fleet;

    /// `given`: instead of the one that the settings mean, if it is not null.
    Servers(const Settings& settings, Session* session, InstanceService* instances,
            const std::shared_ptr<Fleet>& given)
    {
        if (given != nullptr) {
            fleet = given;
        } else if (instances != nullptr) {
            fleet = std::make_shared<InstanceFleet>(*instances);
        } else if (session != nullptr && settings.openstack.glance.publish) {
            const auto& keys = settings.openstack.nova;
            nova =
                std::make_unique<Nova>(*session, Nova::Settings{.endpoint_override = keys.endpoint_override,
                                                                .region = keys.region_name,
                                                                .interface = keys.interface});
            fleet = std::make_shared<NovaFleet>(*nova, settings.reconcile.probe_networks);
        } else {
            fleet = std::make_shared<NoServers>();
        }
    }
};

/// Who has no identity must not be reached from elsewhere.
Result<HttpServer::Address> listen_address(const Settings& settings)
{
    auto address = HttpServer::parse_address(settings.listen);
    if (address && !address->loopback && settings.identity == Settings::Identity::none)
        return fail(FailureKind::invalid,
                    "listen: " + settings.listen +
                        " is not a loopback address; without authentication the service answers this machine "
                        "only. Use 127.0.0.1 or ::1, or set identity = keystone");
    return address;
}

void tell(const std::string& notice)
{
    spdlog::warn("{}", notice);
}

int serve(const Settings& settings, const HttpServer::Address& address, const Backend& backend)
{
    auto stores = Stores::open(settings, backend);
    if (!stores)
        return refuse(stores.error(), 1);
    const auto& store = stores->artifacts;
    auto database = open_database(settings.database);
    if (!database)
        return refuse(database.error(), 1);
    spdlog::info("state is kept in {}", (*database)->name());
    BuildRepository repository(**database);
    OwnerRepository owners(**database);
    RequirementRepository stored_requirements(**database);
    ArtifactCatalog artifacts(*store, owners);
    artifacts.limit_bundles(
        {.bytes = settings.project_bundles, .needed = [&repository] { return repository.needed_bundles(); }});
    BuilderRepository builders(**database);
    const auto name = (*database)->is_shared() ? builder_name(settings) : "";
    if (auto common = must_share(settings, builders, name); !common)
        return refuse(common.error(), 1);
    BuilderWatch watch_over_others(builders, name, settings.reconcile.lease);
    std::unique_ptr<Loop> loop;  // before those who tell it of changes until they end
    RequirementService requirements(stored_requirements, backend.pipeline.check_requirement);
    if (const auto audit = requirements.audit(); !audit)
        return refuse(audit.error(), 1);
    else
        for (const auto& problem : audit->problems)
            spdlog::error("{}", problem);
    auto identity = Identity::open(settings);
    if (!identity)
        return refuse(identity.error(), 2);
    const auto publishing = glance_publishing(settings, identity->session.get(), repository);
    BuildService builds({.work = settings.state / "work",
                         .workers = settings.workers,
                         .queue = settings.queue,
                         .time_limit = settings.build_time_limit,
                         .log_limit = settings.log_limit,
                         .keep = settings.keep_builds,
                         .builder = name},
                        backend.pipeline, publishing ? publishing->functions() : Publishing{}, repository,
                        artifacts, requirements);
    InstanceRepository stored_instances(**database);
    const auto instances = own_instances(settings, backend, artifacts, stored_instances);
    RolloutRepository rollouts(**database);
    const Servers servers(settings, identity->session.get(), instances.get(), backend.fleet);
    std::function<Result<void>(const LineImage&, std::stop_token)> retire;
    if (publishing)
        retire = [&publishing](const LineImage& image, std::stop_token stop) {
            return publishing->retire(image.image_id, std::move(stop));
        };
    Imports::Find imported;
    if (servers.nova != nullptr)
        imported = [&publishing, &artifacts](const BuildRecord& build, std::stop_token stop) {
            return publishing->find_import(build, artifacts, std::move(stop));
        };
    const auto modules = [repositories = backend.repositories] { return repositories->content_digest(); };
    Views views({.database = **database,
                 .builds = repository,
                 .artifacts = artifacts,
                 .requirements = requirements,
                 .rollouts = rollouts,
                 .fleet = *servers.fleet,
                 .planner = backend.pipeline.preview,
                 .modules = modules,
                 .imported = imported});
    if (settings.reconcile.enabled && backend.pipeline.preview)
        loop = std::make_unique<Loop>(settings, Loop::Parts{.database = **database,
                                                            .builds = repository,
                                                            .service = builds,
                                                            .artifacts = artifacts,
                                                            .requirements = requirements,
                                                            .rollouts = rollouts,
                                                            .fleet = *servers.fleet,
                                                            .plan = backend.pipeline.preview,
                                                            .modules = modules,
                                                            .imported = imported,
                                                            .retire = retire});
    const auto wake = [&loop] {
        if (loop)
            loop->wake();
    };
    requirements.on_change(wake);
    builds.on_end(wake);
    EventPump events(builds);
    AccessControl access(*identity->authenticator, *identity->policy);
    Context context{.database = **database,
                    .builds = builds,
                    .artifacts = artifacts,
                    .requirements = requirements,
                    .dry_run = views.dry_run(),
                    .compliance = views.compliance(),
                    .rollouts = rollouts,
                    .repositories = *backend.repositories,
                    .events = events,
                    .public_url = settings.public_url,
                    .platforms = settings.platforms,
                    .boots_images = backend.boots_images,
                    .accelerators = backend.accelerators,
                    .instances = instances.get(),
                    .check_domain = domain_check(identity->session.get()),
                    .wake_loop = wake};
    const Router router(routes(context));
    auto server =
        HttpServer::open(address, router, access, settings.identity == Settings::Identity::keystone);
    if (!server)
        return refuse(server.error(), 1);
    for (const auto& notice : backend.repositories->refresh({}, false))  // before builds that need them
        tell(notice);
    const RepositoryWatch watch(*backend.repositories, settings.repository_interval, tell, wake);
    if (auto started = builds.start(name.empty() ? nullptr : &watch_over_others); !started)
        return refuse(started.error(), 1);
    if (instances)
        instances->start();
    if (loop)
        loop->start();

    const auto host = address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
    std::cout << "listening on http://" << host << ":" << (*server)->port() << std::endl;
    if (!settings.port_file.empty())
        if (auto written = write_file(settings.port_file, std::to_string((*server)->port()) + "\n", 0644);
            !written) {
            if (loop)
                loop->stop();
            return refuse(written.error(), 1);
        }
    StopSignals::wait(-1);
    if (loop)
        loop->stop();
    if (instances)
        instances->stop();
    if (!shut_down(builds, events, **server, settings)) {
        // Some thread hangs in a tool or a connection; what is stored is safe, so leave without it.
        spdlog::warn("something did not end in time; leaving without it");
        spdlog::shutdown();
        std::_Exit(0);
    }
    if (auto left = builders.leave(name); !left)
        spdlog::warn("{}", left.error().message);
    return 0;
}

}  // namespace

std::shared_ptr<ModuleRepositories> open_repositories(const Settings& settings)
{
    return std::make_shared<ModuleRepositories>(
        ModuleRepositories::Settings{.builtin = settings.modules,
                                     .repositories = settings.repositories,
                                     .cache = settings.cache / "repositories",
                                     .limits = {}});
}

int run_service(int argc, const char* const* argv, const MakeBackend& make_backend)
{
    const auto settings = read_settings(argc, argv);
    if (!settings)
        return refuse(settings.error(), 2);
    if (!settings->only_print.empty()) {
        std::cout << settings->only_print;
        return 0;
    }
    const auto address = listen_address(*settings);
    if (!address)
        return refuse(address.error(), 2);
    start_logging(settings->log_json, settings->log_level);
    if (!settings->prepare)
        StopSignals::install();
    auto backend = make_backend(*settings);
    if (!backend)
        return refuse(backend.error(), 1);
    if (settings->prepare) {
        const auto say = [](std::string_view line) { std::cout << line << std::endl; };
        const auto prepared = backend->prepare ? backend->prepare(say) : Result<void>{};
        return prepared ? 0 : refuse(prepared.error(), 1);
    }
    return serve(*settings, *address, *backend);
}

}  // namespace unikernel::api
