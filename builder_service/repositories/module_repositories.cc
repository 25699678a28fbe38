// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/module_repositories.hh"

#include <algorithm>
#include <map>

#include "builder_service/repositories/download.hh"
#include "common/decode/document.hh"
#include "common/decode/module.hh"
#include "common/util/digest.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;
using State = RepositoryStatus::State;

const std::string unseen = "it was not looked at yet";

std::string digest_of(const Repository& modules)
{
    Sha256 sha;
    for (const ModulePtr& module : modules.all()) {
        sha.field(module->name).field(module->version).field(module->content);
    }
    return to_string(sha.finish());
}

/// A name that the configuration does not grant to the repository, or nothing.
Result<void> check_names(const RepositorySettings& settings, const Repository& modules)
{
    const auto granted = [&](const std::string& name) {
        return settings.modules.empty() || settings.modules.contains(name);
    };
    for (const ModulePtr& module : modules.all()) {
        std::vector<std::string> names{module->name};
        for (const auto& [name, version] : module->provides) {
            names.push_back(name);
        }
        for (const std::string& name : names) {
            if (!granted(name)) {
                return fail(FailureKind::invalid,
                            "its module " + module->name +
                                (name == module->name ? "" : " provides " + name + ", which") +
                                " is none of `modules` of its section; add " + name +
                                " there if it may have that");
            }
        }
    }
    return {};
}

}  // namespace

std::string_view to_string(State state)
{
    static constexpr std::string_view words[] = {"ready", "cached", "unusable"};
    return words[static_cast<std::size_t>(state)];
}

nlohmann::json to_json(const RepositoryStatus& status)
{
    return {{"name", status.name},         {"kind", status.bundle ? "bundle" : "folder"},
            {"location", status.location}, {"digest", status.digest},
            {"signed", status.is_signed},  {"priority", status.priority},
            {"modules", status.modules},   {"state", to_string(status.state)},
            {"error", status.error}};
}

Result<nlohmann::json> manifest_of(const Module& module)
{
    auto manifest = decode_file(module.folder / "module.yaml");
    if (manifest) {
        (*manifest)["repository"] = module.repository;
    }
    return manifest;
}

ModuleRepositories::ModuleRepositories(Settings settings)
    : settings_(std::move(settings)), bundles_(settings_.cache, settings_.limits)
{
    RepositorySettings own;
    own.name = builtin_repository;
    own.priority = settings_.repositories.builtin_priority;
    own.folder = settings_.builtin;
    members_.emplace_back(own);
    for (const RepositorySettings& other : settings_.repositories.others) {
        members_.emplace_back(other);
    }
    std::stable_sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
        return a.settings.priority > b.settings.priority;
    });
}

ModuleRepositories::Member::Member(RepositorySettings of)
    : settings(std::move(of)), folder(settings.folder), reason(unseen), lost(settings.is_bundle())
{
}

RepositoryStatus ModuleRepositories::Member::status() const
{
    return {.name = settings.name,
            .bundle = settings.is_bundle(),
            .location = settings.is_bundle() ? settings.bundle : settings.folder.string(),
            .digest = settings.is_bundle() ? settings.digest : content,
            .is_signed = !settings.key.empty(),
            .priority = settings.priority,
            .state = lost || !clash.empty() ? State::unusable
                     : reason.empty()       ? State::ready
                                            : State::cached,
            .error = clash.empty() ? reason : clash,
            .modules = lost ? 0 : modules.all().size()};
}

/// What a bundle is after a look at the cache, and at its source.
ModuleRepositories::Member ModuleRepositories::visited(Member member, const std::stop_token& stop,
                                                       bool look_at_source) const
{
    if (member.lost) {
        auto folder = bundles_.open(member.settings);
        if (!folder && folder.error().kind == FailureKind::not_found) {
            folder = bundles_.fetch(member.settings, stop);
        }
        member.folder = folder.value_or(fs::path());
        member.reason = folder ? "" : folder.error().message;
        member.lost = !folder;
        member.stamp.reset();
    } else if (look_at_source) {
        const auto there =
            check_there({.url = member.settings.bundle, .cafile = member.settings.cafile}, stop);
        member.reason = there ? "" : there.error().message;
    }
    return member;
}

std::vector<std::string> ModuleRepositories::refresh(const std::stop_token& stop, bool look_at_sources)
{
    const std::scoped_lock one(refreshing_);
    std::vector<std::string> notices;
    for (std::size_t i = 0; i < members_.size() && !stop.stop_requested(); ++i) {  // their number is fixed
        std::unique_lock lock(mutex_);
        const Member before = members_[i];
        if (before.settings.is_bundle()) {
            lock.unlock();  // a server may be slow
            Member after = visited(before, stop, look_at_sources);
            lock.lock();
            members_[i] = std::move(after);
        }
        look(members_[i]);
        const RepositoryStatus now = members_[i].status();
        const bool expected = before.reason == unseen && now.state == State::ready;
        if (!expected && now.error != before.status().error) {
            notices.push_back("repository " + now.name + " is " + std::string(to_string(now.state)) +
                              (now.error.empty() ? "" : ": " + now.error));
        }
    }
    return notices;
}

/// Reads it if it changed since it was read.
void ModuleRepositories::look(Member& member)
{
    if (member.settings.is_bundle() && member.folder.empty()) {
        return;
    }
    const auto stamp = folder_stamp(member.folder);
    if (stamp && member.stamp && member.stamp->settled && stamp->digest == member.stamp->digest) {
        return;
    }
    Result<void> good = stamp ? Result<void>{} : tl::unexpected(stamp.error());
    if (good && member.settings.is_bundle()) {  // the cache was touched: is it still what was fetched?
        const auto folder = bundles_.open(member.settings);
        good = folder ? good : tl::unexpected(folder.error());
    }
    good = good ? read(member) : good;
    if (!good) {
        member.stamp.reset();
        member.lost = true;
        member.reason = good.error().message;
        return;
    }
    member.stamp = *stamp;
    if (member.lost || !member.settings.is_bundle()) {  // a bundle may be there, and its source gone
        member.lost = false;
        member.reason.clear();
    }
}

Result<void> ModuleRepositories::read(Member& member)
{
    auto modules = load_repository(member.folder, member.settings.name, member.settings.priority);
    if (!modules) {
        return tl::unexpected(modules.error());
    }
    if (Result<void> granted = check_names(member.settings, *modules); !granted) {
        return granted;
    }
    member.content = digest_of(*modules);
    const auto& wanted = member.settings.digest;
    if (!member.settings.is_bundle() && !wanted.empty() && member.content != wanted) {
        return fail(FailureKind::invalid, member.folder.string() + " has the digest " + member.content +
                                              ", not " + wanted + " as the configuration wants it");
    }
    member.modules = std::move(*modules);
    return {};
}

Result<Repository> ModuleRepositories::gather()
{
    Repository all;
    for (Member& member : members_) {
        look(member);
        const Result<void> added = member.lost ? Result<void>{} : all.add_all(member.modules);
        member.clash = added ? "" : added.error().message;
        if (!member.lost && added) {
            continue;
        }
        const std::string& reason = added ? member.reason : member.clash;
        if (member.settings.name == builtin_repository) {
            return fail(FailureKind::internal, reason);
        }
        all.lose({member.settings.name, reason, member.settings.modules});
    }
    for (const auto& [module, entry] : settings_.repositories.pins) {
        all.pin(module, entry);
    }
    return all;
}

Result<Repository> ModuleRepositories::modules()
{
    const std::scoped_lock lock(mutex_);
    return gather();
}

Result<std::string> ModuleRepositories::content_digest()
{
    const std::scoped_lock lock(mutex_);
    const auto all = gather();
    if (!all) {
        return tl::unexpected(all.error());
    }
    Sha256 sha;
    for (const ModulePtr& module : all->all()) {
        sha.field(module->repository).field(std::to_string(module->priority));
        sha.field(module->name).field(module->version).field(module->content);
    }
    for (const LostRepository& lost : all->lost()) {
        sha.field("lost").field(lost.name);
    }
    return to_string(sha.finish());
}

std::vector<RepositoryStatus> ModuleRepositories::status()
{
    const std::scoped_lock lock(mutex_);
    static_cast<void>(gather());
    std::vector<RepositoryStatus> list;
    for (const Member& member : members_) {
        list.push_back(member.status());
    }
    return list;
}

}  // namespace unikernel
