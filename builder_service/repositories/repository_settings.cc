// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/repository_settings.hh"

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/decode/reader.hh"
#include "common/model/module.hh"
#include "common/util/nearest.hh"
#include "common/util/pattern.hh"

namespace unikernel
{

namespace
{

constexpr std::string_view prefix = "repository:";
constexpr int most_priority = 1000;
const std::vector<std::string> keys{"path", "bundle", "digest",  "signature",
                                    "key",  "cafile", "modules", "priority"};

using Wrong = std::optional<std::string>;

Wrong read_priority(const std::string& value, int& priority)
{
    int read = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), read);
    if (code != std::errc{} || end != value.data() + value.size() || std::abs(read) > most_priority) {
        return "'" + value + "' is no number from " + std::to_string(-most_priority) + " to " +
               std::to_string(most_priority);
    }
    priority = read;
    return std::nullopt;
}

Wrong read_path(const std::string& value, std::filesystem::path& path)
{
    path = std::filesystem::path(value).lexically_normal();
    if (path.has_relative_path() && !path.has_filename()) {
        path = path.parent_path();  // "/a/b/"
    }
    return path.is_absolute() ? std::nullopt : Wrong("'" + value + "' must be an absolute path");
}

Wrong read_url(const std::string& value, std::string& url)
{
    url = value;
    if (url.starts_with("file:///")) {
        return std::nullopt;
    }
    if (!url.starts_with("http://") && !url.starts_with("https://")) {
        return "'" + value + "' must begin with file:///, http:// or https://";
    }
    const auto authority = url.substr(url.find("//") + 2);
    if (authority.substr(0, authority.find('/')).find('@') != std::string::npos) {  // it would be shown
        return "a name or a password in the URL is refused";
    }
    return std::nullopt;
}

Wrong read_digest(const std::string& value, std::string& digest)
{
    digest = value;
    return matches(value, "sha256:[0-9a-f]{64}") ? std::nullopt
                                                 : Wrong("'" + value + "' is not sha256:<64 hex digits>");
}

Wrong read_names(const std::string& value, std::set<std::string>& names)
{
    for (std::size_t at = 0; at < value.size();) {
        const std::size_t end = std::min(value.find_first_of(" ,", at), value.size());
        if (const auto name = value.substr(at, end - at); !name.empty()) {
            if (!matches(name, name_expression)) {
                return "'" + name + "' is no module's name";
            }
            names.insert(name);
        }
        at = end + 1;
    }
    return names.empty() ? Wrong("is empty") : std::nullopt;
}

Wrong take(const SettingsFile::Entry& entry, RepositorySettings& repository)
{
    const std::string& key = entry.key;
    return key == "path"        ? read_path(entry.value, repository.folder)
           : key == "bundle"    ? read_url(entry.value, repository.bundle)
           : key == "signature" ? read_url(entry.value, repository.signature)
           : key == "digest"    ? read_digest(entry.value, repository.digest)
           : key == "key"       ? read_path(entry.value, repository.key)
           : key == "cafile"    ? read_path(entry.value, repository.cafile)
           : key == "modules"   ? read_names(entry.value, repository.modules)
                                : read_priority(entry.value, repository.priority);
}

/// What does not go together.
Wrong check_whole(RepositorySettings& repository)
{
    const bool bundle = !repository.bundle.empty();
    if (bundle != repository.folder.empty()) {
        return bundle ? "has both path and bundle; one of them must go" : "needs path or bundle";
    }
    if (bundle && repository.digest.empty()) {
        return "needs digest: a bundle is used only if it is the one that is meant; unikernel repository "
               "pack prints it, and so does sha256sum";
    }
    if (!bundle && (!repository.key.empty() || !repository.signature.empty() || !repository.cafile.empty())) {
        return "key, signature and cafile are for bundles, not for a path";
    }
    if (!repository.signature.empty() && repository.key.empty()) {
        return "has a signature, but no key to check it with";
    }
    if (bundle && repository.signature.empty()) {
        repository.signature = repository.bundle + ".sig";
    }
    return std::nullopt;
}

Result<void> read_repository(const SettingsFile& file, const std::string& section,
                             const std::vector<SettingsFile::Entry>& entries, RepositoriesSettings& settings)
{
    RepositorySettings repository;
    repository.name = section.substr(prefix.size());
    const auto refuse = [&](const std::string& what) {
        return fail(FailureKind::invalid, file.file.string() + ": [" + section + "] " + what);
    };
    if (!matches(repository.name, name_expression)) {
        return refuse("is no name for a repository: a-z, 0-9 and -, at most 63 characters");
    }
    const bool builtin = repository.name == builtin_repository;
    repository.priority = builtin ? settings.builtin_priority : repository.priority;
    for (const auto& entry : entries) {
        if (std::find(keys.begin(), keys.end(), entry.key) == keys.end()) {
            return fail(FailureKind::invalid, file.place(entry.line) + "unknown key '" + entry.key +
                                                  "' in [" + section + "]" + did_you_mean(entry.key, keys));
        }
        if (builtin && entry.key != "priority") {
            return refuse("is the builder's own repository, of which only the priority can be set; its "
                          "folder is `modules` at the top of the file");
        }
        if (const Wrong wrong = take(entry, repository)) {
            return fail(FailureKind::invalid, file.place(entry.line) + entry.key + ": " + *wrong);
        }
    }
    if (builtin) {
        settings.builtin_priority = repository.priority;
        return {};
    }
    if (const Wrong wrong = check_whole(repository)) {
        return refuse(*wrong);
    }
    settings.others.push_back(std::move(repository));
    return {};
}

Result<void> read_pins(const SettingsFile& file, const std::vector<SettingsFile::Entry>& entries,
                       RepositoriesSettings& settings)
{
    for (const auto& entry : entries) {
        if (!matches(entry.key, name_expression)) {
            return fail(FailureKind::invalid,
                        file.place(entry.line) + "'" + entry.key + "' is no module's name");
        }
        if (!matches(entry.value, chosen_expression)) {
            return fail(FailureKind::invalid, file.place(entry.line) + entry.key + ": '" + entry.value +
                                                  "' is neither a version, 1.2.0, nor one of a repository, "
                                                  "1.2.0@name");
        }
        settings.pins[entry.key] = entry.value;
    }
    return {};
}

}  // namespace

bool is_repository_section(const std::string& section)
{
    return section == "pins" || section.starts_with(prefix);
}

Result<RepositoriesSettings> repositories_settings(const SettingsFile& file)
{
    RepositoriesSettings settings;
    for (const auto& [section, entries] : file.sections) {
        if (!is_repository_section(section)) {
            continue;
        }
        Result<void> read = section == "pins" ? read_pins(file, entries, settings)
                                              : read_repository(file, section, entries, settings);
        if (!read) {
            return tl::unexpected(read.error());
        }
    }
    return settings;
}

}  // namespace unikernel
