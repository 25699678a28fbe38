// SPDX-License-Identifier: Apache-2.0
// Composition root of the service: the real pipeline, and libvirt for its boot check.
#include <memory>
#include <mutex>

#include <spdlog/spdlog.h>

#include "builder_service/api/service.hh"
#include "builder_service/hypervisor/hypervisor.hh"
#include "builder_service/pipeline/prepare.hh"
#include "builder_service/sandbox/sandbox.hh"

namespace
{

using namespace unikernel;

/// Connects when the first boot check comes, and keeps that connection while it lives. Thread-safe.
class Booter
{
public:
    explicit Booter(const api::Settings& settings)
        : uri_(settings.libvirt_uri), state_(settings.state / "libvirt"), firmware_(settings.firmware),
          limit_(settings.boot_time_limit)
    {
    }

    Result<void> boot(const std::filesystem::path& image, const nlohmann::json& description,
                      BuildObserver& observer, const std::stop_token& stop)
    {
        auto hypervisor = connected();
        if (!hypervisor)
            return tl::unexpected(hypervisor.error());
        observer.log("boot check under " + std::string((*hypervisor)->kvm_works() ? "KVM" : "TCG") + ", " +
                     (*hypervisor)->uri());
        return boot_check(**hypervisor, image, description, limit_, stop);
    }

    std::vector<std::string> accelerators()
    {
        auto hypervisor = connected();
        if (!hypervisor)
            return {};
        if ((*hypervisor)->kvm_works())
            return {"kvm", "tcg"};
        return {"tcg"};
    }

    /// Shared: a build may still use the connection that another one found broken.
    Result<std::shared_ptr<Hypervisor>> connected()
    {
        const std::scoped_lock lock(mutex_);
        if (!hypervisor_ || !hypervisor_->alive()) {
            auto connection = Hypervisor::connect(uri_, state_, firmware_);
            if (!connection)
                return tl::unexpected(connection.error());
            hypervisor_ = std::move(*connection);
        }
        return hypervisor_;
    }

private:
    const std::string uri_;
    const std::filesystem::path state_;
    const Firmware firmware_;
    const std::chrono::milliseconds limit_;
    std::mutex mutex_;
    std::shared_ptr<Hypervisor> hypervisor_;
};

/// Once, at the start: what the sandbox of tenants' tools lacks here. Builds say it again if they fail by it.
void tell_of_confinement()
{
    const auto confined = confinement();
    if (!confined)
        spdlog::warn("{}", confined.error().message);
    else if (!confined->processes_bounded)
        spdlog::warn("sandbox: {}", confined->text);
}

Result<void> fill_cache(const PipelineSettings& pipeline, ModuleRepositories& repositories, const Say& say)
{
    for (const auto& notice : repositories.refresh({}, false))
        say(notice);
    const auto prepared = prepare(pipeline, say);
    if (!prepared)
        return tl::unexpected(prepared.error());
    say(std::to_string(prepared->compiled) + " objects compiled, for " + std::to_string(prepared->kinds) +
        " kinds of images; the cache is " + pipeline.cache.native());
    return {};
}

Result<api::Backend> make_backend(const api::Settings& settings)
{
    tell_of_confinement();
    const auto booter = std::make_shared<Booter>(settings);
    PipelineSettings pipeline;
    const auto repositories = api::open_repositories(settings);
    pipeline.modules = settings.modules;
    pipeline.repository = [repositories] { return repositories->modules(); };
    pipeline.platforms = settings.platforms;
    pipeline.cache = settings.cache;
    pipeline.output_limit = settings.log_limit;
    if (settings.boot_check)
        pipeline.boot_check = [booter](const auto& image, const auto& description, auto& observer,
                                       const auto& stop) {
            return booter->boot(image, description, observer, stop);
        };
    return api::Backend{
        .pipeline = {.digest =
                         [pipeline](const BuildRequest& request, std::string_view bundle) {
                             return request_digest(pipeline, request, bundle);
                         },
                     .build =
                         [pipeline](const BuildRequest& request, const std::filesystem::path& work,
                                    BuildObserver& observer, std::stop_token stop) {
                             return build(pipeline, request, work, observer, std::move(stop));
                         },
                     .check_requirement =
                         [pipeline](const nlohmann::json& document) {
                             return check_requirement(pipeline, document);
                         },
                     .preview =
                         [pipeline](const BuildRequest& request) { return preview(pipeline, request); }},
        .repositories = repositories,
        .inspect = inspect_image,
        .boots_images = settings.boot_check,
        .hypervisor = [booter] { return booter->connected(); },
        .accelerators = [booter] { return booter->accelerators(); },
        .prepare = [pipeline,
                    repositories](const auto& say) { return fill_cache(pipeline, *repositories, say); }};
}

}  // namespace

int main(int argc, char** argv)
{
    return unikernel::api::run_service(argc, argv, make_backend);
}
