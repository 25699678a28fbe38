// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/backend.hh"

#include <algorithm>

#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/cli/command.hh"
#include "builder_service/cli/local_repositories.hh"
#include "builder_service/hypervisor/hypervisor.hh"
#include "common/decode/document.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::cli
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t disk_reserve = 64ULL << 20;  ///< bytes left free for others
constexpr std::chrono::seconds boot_limit{30};

/// Opens libvirt only if a build comes as far as its boot check.
Result<void> boot(const fs::path& state, const fs::path& image, const nlohmann::json& description,
                  BuildObserver& observer, const std::stop_token& stop)
{
    auto hypervisor = Hypervisor::connect("", state);
    if (!hypervisor) {
        return tl::unexpected(hypervisor.error());
    }
    observer.log(std::string("boot check under ") + ((*hypervisor)->kvm_works() ? "KVM" : "TCG") + ", " +
                 (*hypervisor)->uri());
    return boot_check(**hypervisor, image, description, boot_limit, stop);
}

class LocalBackend final : public Backend
{
public:
    LocalBackend(Locations locations, std::unique_ptr<ArtifactStore> store,
                 std::unique_ptr<ModuleRepositories> repositories)
        : locations_(std::move(locations)), store_(std::move(store)), repositories_(std::move(repositories))
    {
    }

    Result<BuildReport> build(const BuildJob& job, BuildObserver& observer, std::stop_token stop) override;
    Result<std::vector<ImageEntry>> images() override;
    Result<void> fetch(const std::string& digest, const fs::path& target) override;
    Result<nlohmann::json> modules() override;
    Result<nlohmann::json> module(const std::string& name) override;
    Result<nlohmann::json> platforms() override;
    Result<nlohmann::json> repositories() override;
    std::string flags() const override
    {
        const Locations usual = default_locations();
        const auto unless = [](const fs::path& usual_one, const char* option, const fs::path& path) {
            return path == usual_one ? std::string() : option + shell_word(path.native());
        };
        return " --local" + unless(usual.state, " --state ", locations_.state) +
               unless(usual.config, " --config ", locations_.config);
    }

private:
    static Result<nlohmann::json> manifests(const fs::path& folder, const std::string& file);

    Locations locations_;
    std::unique_ptr<ArtifactStore> store_;
    std::unique_ptr<ModuleRepositories> repositories_;
};

Result<BuildReport> LocalBackend::build(const BuildJob& job, BuildObserver& observer, std::stop_token stop)
{
    if (auto space = store_->check_space(); !space) {
        return tl::unexpected(space.error());
    }
    auto work = TemporaryDirectory::create("unikernel-build");
    if (!work) {
        return tl::unexpected(work.error());
    }
    PipelineSettings settings;
    for (const std::string& notice : repositories_->refresh(stop, false)) {
        observer.warning(notice);
    }
    settings.modules = locations_.modules;
    settings.repository = [this] { return repositories_->modules(); };
    settings.platforms = locations_.platforms;
    settings.cache = locations_.cache;
    if (job.boot_check) {
        settings.boot_check = [this](const fs::path& image, const nlohmann::json& description,
                                     BuildObserver& watching, const std::stop_token& token) {
            return boot(locations_.state / "libvirt", image, description, watching, token);
        };
    }
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    BuildRequest request{job.spec, job.requirements, job.bundle, job.boot_check};
    if (auto holding = in_force(job.spec, job.requirements, now)) {  // what is wrong with them, build() says
        for (const std::string& text : holding->left_out) {
            observer.warning(text);
        }
        request.requirements = std::move(holding->requirements);
        if (holding->validity) {
            request.not_after = now + *holding->validity;
        }
    }
    const BuildOutcome outcome = unikernel::build(settings, request, work->path(), observer, stop);
    BuildReport report;
    report.state = outcome.state;
    report.error = outcome.error;
    report.objects_compiled = outcome.objects_compiled;
    report.objects_cached = outcome.objects_cached;
    if (outcome.state == BuildState::succeeded) {
        observer.phase(Phase::store, store_->folder().native());
        const auto stored = store_->import_image(outcome.image, "local");
        if (!stored) {
            return tl::unexpected(stored.error());
        }
        report.digest = stored->digest;
    }
    return report;
}

Result<std::vector<ImageEntry>> LocalBackend::images()
{
    std::vector<ImageEntry> entries;
    for (const StoredImage& image : store_->images()) {
        entries.push_back({image.digest, image.created, image.description});
    }
    return entries;
}

Result<void> LocalBackend::fetch(const std::string& digest, const fs::path& target)
{
    const auto image = store_->image(digest);
    if (!image) {
        return tl::unexpected(image.error());
    }
    std::error_code error;
    fs::copy_file(image->file, target, fs::copy_options::overwrite_existing, error);
    if (error) {
        return tl::unexpected(system_failure(target.native(), error.value()));
    }
    fs::permissions(target, fs::perms(0644), error);
    return {};
}

Result<nlohmann::json> LocalBackend::modules()
{
    repositories_->refresh({}, false);
    const auto repository = repositories_->modules();
    if (!repository) {
        return tl::unexpected(repository.error());
    }
    auto list = nlohmann::json::array();
    for (const ModulePtr& module : repository->all()) {
        auto manifest = manifest_of(*module);
        if (!manifest) {
            return manifest;
        }
        list.push_back(std::move(*manifest));
    }
    return list;
}

Result<nlohmann::json> LocalBackend::module(const std::string& name)
{
    repositories_->refresh({}, false);
    const auto repository = repositories_->modules();
    if (!repository) {
        return tl::unexpected(repository.error());
    }
    const auto module = repository->find(name);
    return module ? manifest_of(*module)
                  : fail(FailureKind::not_found,
                         "there is no module \"" + name + "\"" + repository->pinned_text(name));
}

Result<nlohmann::json> LocalBackend::repositories()
{
    repositories_->refresh({}, false);
    repositories_->refresh({});  // and are they still where they came from?
    auto list = nlohmann::json::array();
    for (const RepositoryStatus& status : repositories_->status()) {
        list.push_back(to_json(status));
    }
    return list;
}

Result<nlohmann::json> LocalBackend::platforms()
{
    auto list = manifests(locations_.platforms, "platform.yaml");
    const auto hypervisor = Hypervisor::connect("", locations_.state / "libvirt");
    if (!list || !hypervisor) {
        return list;
    }
    for (auto& platform : *list) {
        platform["accelerators"] =
            (*hypervisor)->kvm_works() ? nlohmann::json{"kvm", "tcg"} : nlohmann::json{"tcg"};
    }
    return list;
}

Result<nlohmann::json> LocalBackend::manifests(const fs::path& folder, const std::string& file)
{
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        if (fs::exists(entry.path() / file, error)) {
            found.push_back(entry.path() / file);
        }
    }
    std::sort(found.begin(), found.end());
    auto list = nlohmann::json::array();
    for (const fs::path& path : found) {
        auto manifest = decode_file(path);
        if (!manifest) {
            return manifest;
        }
        list.push_back(std::move(*manifest));
    }
    return list;
}

}  // namespace

Result<std::unique_ptr<Backend>> open_local_backend(Locations locations)
{
    std::error_code ignored;
    if (!fs::is_directory(locations.modules, ignored)) {
        return fail(FailureKind::not_found, "the module repository is not where it should be, in " +
                                                locations.modules.native() + "; install the product again");
    }
    auto store = ArtifactStore::open(locations.state, disk_reserve, inspect_image);
    if (!store) {
        Failure failure = store.error();
        if (failure.kind == FailureKind::conflict) {
            failure.message +=
                "; if that is the builder service, leave out --local, else choose another folder "
                "with --state";
        }
        return tl::unexpected(failure);
    }
    auto repositories = local_repositories(locations);
    if (!repositories) {
        return tl::unexpected(repositories.error());
    }
    return std::make_unique<LocalBackend>(std::move(locations), std::move(*store), std::move(*repositories));
}

}  // namespace unikernel::cli
