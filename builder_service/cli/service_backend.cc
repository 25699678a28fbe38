// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/backend.hh"

#include "builder_service/cli/output.hh"
#include "builder_service/cli/service_client.hh"

namespace unikernel::cli
{

namespace
{

std::optional<Phase> phase_named(const std::string& name)
{
    for (const Phase phase : {Phase::plan, Phase::resolve, Phase::generate, Phase::compile, Phase::link,
                              Phase::verify, Phase::boot, Phase::store}) {
        if (to_string(phase) == name) {
            return phase;
        }
    }
    return std::nullopt;
}

class ServiceBackend final : public Backend
{
public:
    explicit ServiceBackend(std::unique_ptr<ServiceClient> client) : client_(std::move(client)) {}

    Result<BuildReport> build(const BuildJob& job, BuildObserver& observer, std::stop_token stop) override;
    Result<std::vector<ImageEntry>> images() override;
    Result<void> fetch(const std::string& digest, const std::filesystem::path& target) override
    {
        return client_->download("/v1/images/" + digest + "/file", target);
    }
    Result<nlohmann::json> modules() override { return list("/v1/modules", "modules"); }
    Result<nlohmann::json> module(const std::string& name) override
    {
        return client_->get("/v1/modules/" + name);
    }
    Result<nlohmann::json> platforms() override { return list("/v1/platforms", "platforms"); }
    Result<nlohmann::json> repositories() override { return list("/v1/repositories", "repositories"); }
    std::string flags() const override { return ""; }

private:
    Result<nlohmann::json> list(const std::string& path, const std::string& key);
    Result<nlohmann::json> follow(const std::string& path, BuildObserver& observer,
                                  const std::stop_token& stop);

    std::unique_ptr<ServiceClient> client_;
};

/// Lists come as {"<key>": [...]}.
Result<nlohmann::json> ServiceBackend::list(const std::string& path, const std::string& key)
{
    auto answer = client_->get(path);
    if (!answer) {
        return answer;
    }
    if (!answer->is_object() || !answer->contains(key) || !(*answer)[key].is_array()) {
        return fail(FailureKind::unavailable,
                    "the service's answer to " + path + " has no list \"" + key + "\"");
    }
    return (*answer)[key];
}

/// Passes events on until the last one, which it answers. A stream that breaks is resumed.
Result<nlohmann::json> ServiceBackend::follow(const std::string& path, BuildObserver& observer,
                                              const std::stop_token& stop)
{
    constexpr int attempts = 5;  // without one event in between
    nlohmann::json end;
    std::int64_t next = 1;
    for (int failures = 0; failures < attempts;) {
        const std::int64_t before = next;
        const auto read = client_->lines(
            path + "/events?from=" + std::to_string(next),
            [&](const nlohmann::json& event) {
                next = event.value("n", next) + 1;
                const std::string kind = event.value("kind", "");
                const std::string text = printable(event.value("text", ""));
                const auto phase = phase_named(event.value("phase", ""));
                if (kind == "phase" && phase) {
                    observer.phase(*phase, text);
                } else if (kind == "log") {
                    observer.log(text);
                } else if (kind == "warning") {
                    observer.warning(text);
                } else if (kind == "end") {
                    end = event;
                }
                return kind != "end";
            },
            stop);
        if (!end.is_null()) {
            return end;
        }
        if (!read && (read.error().kind != FailureKind::unavailable || failures + 1 == attempts)) {
            return tl::unexpected(read.error());
        }
        failures = next == before ? failures + 1 : 0;
    }
    return fail(FailureKind::unavailable, "the service's stream of events ended before the build did");
}

Result<BuildReport> ServiceBackend::build(const BuildJob& job, BuildObserver& observer, std::stop_token stop)
{
    const auto bundle = client_->upload("/v1/bundles", job.bundle);
    if (!bundle) {
        return tl::unexpected(bundle.error());
    }
    const auto submitted = client_->post("/v1/builds", {{"bundle", bundle->value("digest", "")},
                                                        {"spec", job.spec},
                                                        {"requirements", job.requirements},
                                                        {"boot_check", job.boot_check}});
    if (!submitted) {
        return tl::unexpected(submitted.error());
    }
    BuildReport report;
    report.build = submitted->value("id", "");
    const std::string path = "/v1/builds/" + report.build;
    const auto end = follow(path, observer, stop);
    if (!end) {
        if (end.error().kind == FailureKind::cancelled) {
            static_cast<void>(client_->remove(path));
        }
        return tl::unexpected(end.error());
    }
    report.state = build_state(end->value("state", "")).value_or(BuildState::failed);
    report.error = end->value("error", "");
    report.digest = end->value("image", "");
    if (const auto record = client_->get(path)) {
        const auto objects = record->value("objects", nlohmann::json::object());
        report.objects_compiled = objects.value("compiled", 0U);
        report.objects_cached = objects.value("cached", 0U);
    }
    return report;
}

Result<std::vector<ImageEntry>> ServiceBackend::images()
{
    std::vector<ImageEntry> entries;
    std::string path = "/v1/images";
    while (true) {
        const auto page = list(path, "images");
        if (!page) {
            return tl::unexpected(page.error());
        }
        for (const auto& image : *page) {
            entries.push_back({image.value("digest", ""), image.value("created", ""),
                               image.value("description", nlohmann::json::object())});
        }
        if (page->empty() || page->size() < 100) {  // the service's page
            return entries;
        }
        path = "/v1/images?marker=" + entries.back().digest;
    }
}

}  // namespace

Result<std::unique_ptr<Backend>> open_service_backend(const std::string& url)
{
    auto client = ServiceClient::create(url);
    if (!client) {
        return tl::unexpected(client.error());
    }
    return std::make_unique<ServiceBackend>(std::move(*client));
}

}  // namespace unikernel::cli
