// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/header_record.hh"

#include <algorithm>
#include <chrono>
#include <set>
#include <sstream>
#include <system_error>

#include "common/util/file.hh"

namespace unikernel
{

namespace
{

namespace fs = std::filesystem;

std::optional<Digest> digest_of(const fs::path& file, HeaderDigests& digests)
{
    const auto [place, fresh] = digests.try_emplace(file);
    if (fresh) {
        if (const Result<Digest> digest = sha256_file(file)) {
            place->second = *digest;
        }
    }
    return place->second;
}

/// "modules/lwip/include/u0/net.hh": the file as named by the innermost folder it lies in.
std::optional<std::string> portable_name(const CompileJob& job, const fs::path& file)
{
    const HeaderFolder* best = nullptr;
    for (const HeaderFolder& folder : job.headers) {
        const auto [end, unused] =
            std::mismatch(folder.path.begin(), folder.path.end(), file.begin(), file.end());
        if (end == folder.path.end() &&
            (best == nullptr || folder.path.native().size() > best->path.native().size())) {
            best = &folder;
        }
    }
    return best == nullptr ? std::nullopt
                           : std::optional(best->name + "//" + file.lexically_relative(best->path).string());
}

fs::path host_path(const CompileJob& job, const std::string& name)
{
    const std::size_t slashes = name.find("//");
    for (const HeaderFolder& folder : job.headers) {
        if (folder.name == name.substr(0, slashes)) {
            return folder.path / name.substr(slashes + 2);
        }
    }
    return {};
}

/// The object's key: the unit's, and the names and texts of what it reads. Nothing if one cannot be read.
std::optional<Digest> object_key(const CompileJob& job, const std::vector<std::string>& names,
                                 HeaderDigests& digests)
{
    Sha256 key;
    key.field("object").update(job.key);
    for (const std::string& name : names) {
        const std::optional<Digest> text = digest_of(host_path(job, name), digests);
        if (!text) {
            return std::nullopt;
        }
        key.field(name).update(*text);
    }
    return key.finish();
}

}  // namespace

std::vector<fs::path> prerequisites(std::string_view rule)
{
    std::vector<fs::path> list;
    std::string word;
    const auto finish = [&] {
        if (!word.empty() && word.back() != ':') {
            list.push_back(fs::path(word).lexically_normal());
        }
        word.clear();
    };
    for (std::size_t i = 0; i < rule.size(); ++i) {
        const char c = rule[i];
        if (c == '\\' && i + 1 < rule.size() && rule[i + 1] != '\n') {
            word += rule[++i];  // an escaped space, '#' or backslash
        } else if (c == ' ' || c == '\n' || c == '\\') {
            finish();
        } else {
            word += c;
        }
    }
    finish();
    return list;
}

std::optional<fs::path> find_object(const CompileJob& job, const ObjectCache& cache, HeaderDigests& digests)
{
    const std::optional<std::string> note = cache.find_note(job.key);
    if (!note) {
        return std::nullopt;
    }
    std::istringstream lines(*note);
    std::vector<std::string> names;
    for (std::string line; std::getline(lines, line);) {
        names.push_back(line);
    }
    const std::optional<Digest> key = object_key(job, names, digests);
    return key ? cache.find(*key) : std::nullopt;
}

Result<fs::path> store_object(const CompileJob& job, const ObjectCache& cache, const fs::path& dependencies,
                              fs::file_time_type begin, std::string_view object)
{
    std::set<std::string> names;
    bool stable = true;
    if (!job.headers.empty()) {
        const Result<std::string> rule = read_file(dependencies, 1ULL << 20);
        if (!rule) {
            return fail(FailureKind::internal, "the compiler left no dependencies: " + rule.error().message);
        }
        for (const fs::path& file : prerequisites(*rule)) {
            std::error_code error;
            stable = stable && fs::last_write_time(file, error) < begin && !error;
            const std::optional<std::string> name = portable_name(job, file);
            if (!name) {
                return fail(FailureKind::internal,
                            job.name + " reads " + file.string() + ", which is in none of its folders");
            }
            names.insert(*name);
        }
    }
    HeaderDigests digests;
    const std::optional<Digest> key = object_key(job, {names.begin(), names.end()}, digests);
    if (!key || !stable) {
        const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
        return cache.store(Sha256().field("once").update(job.key).field(std::to_string(now)).finish(),
                           object);
    }
    Result<fs::path> stored = cache.store(*key, object);
    std::string note;
    for (const std::string& name : names) {
        note += name + "\n";
    }
    const Result<void> noted = stored ? cache.store_note(job.key, note) : Result<void>{};
    return noted ? stored : tl::unexpected(noted.error());
}

}  // namespace unikernel
