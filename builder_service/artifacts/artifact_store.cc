// SPDX-License-Identifier: Apache-2.0
#include "builder_service/artifacts/artifact_store.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "builder_service/database/timestamp.hh"

namespace unikernel
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t metadata_limit = 4ULL << 20;  // bytes
constexpr std::string_view metadata_suffix = ".json";

bool begins_with_elf_magic(const fs::path& file)
{
    std::array<char, 4> magic{};
    std::ifstream stream(file, std::ios::binary);
    return stream.read(magic.data(), magic.size()) && std::string_view(magic.data(), 4) == "\177ELF";
}

Result<StoredImage> read_image(const fs::path& file, const std::string& hex)
{
    const auto text = read_file(file.string() + std::string(metadata_suffix), metadata_limit);
    if (!text && text.error().kind == FailureKind::not_found)
        return fail(FailureKind::not_found, "no image sha256:" + hex + " is stored here");
    if (!text)
        return tl::unexpected(text.error());
    const auto facts = nlohmann::json::parse(*text, nullptr, false);
    std::error_code code;
    const auto bytes = fs::file_size(file, code);
    if (!facts.is_object() || code || bytes != facts.value("bytes", std::uint64_t{0}) ||
        !begins_with_elf_magic(file))
        return fail(FailureKind::internal,
                    "image sha256:" + hex + " is damaged in the store; delete it and build it again");
    return StoredImage{"sha256:" + hex,
                       bytes,
                       facts.value("created", ""),
                       facts.value("build", ""),
                       facts.value("description", nlohmann::json::object()),
                       file,
                       false};
}

constexpr std::chrono::hours abandoned_after{24};  // what others were at and did not finish
constexpr int sharing_tries = 100;                 // 50 ms each, until another builder has swept

Result<FileDescriptor> open_lock(const fs::path& file)
{
    FileDescriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock)
        return tl::unexpected(system_failure(file.string(), errno));
    return lock;
}

tl::unexpected<Failure> in_use(const fs::path& folder)
{
    return fail(FailureKind::conflict, folder.string() + " is in use by another builder; talk to that "
                                                         "one, stop it, or give --state another folder");
}

}  // namespace

Result<FileDescriptor> lock_folder(const fs::path& folder)
{
    std::error_code code;
    fs::create_directories(folder, code);
    auto lock = open_lock(folder / "lock");
    if (lock && ::flock(lock->get(), LOCK_EX | LOCK_NB) != 0)
        return in_use(folder);
    return lock;
}

ArtifactStore::Turn::Turn(const ArtifactStore& store) : lock_(store.turns_mutex_), file_(store.changes_.get())
{
    while (::flock(file_, LOCK_EX) != 0 && errno == EINTR) {
    }
}

ArtifactStore::Turn::~Turn()
{
    ::flock(file_, LOCK_UN);
}

Result<std::string> digest_hex(std::string_view digest)
{
    constexpr std::string_view prefix = "sha256:";
    const bool good = digest.size() == prefix.size() + 64 && digest.starts_with(prefix) &&
                      digest.find_first_not_of("0123456789abcdef", prefix.size()) == std::string_view::npos;
    if (!good)
        return fail(FailureKind::invalid, "'" + std::string(digest.substr(0, 80)) +
                                              "' is not a digest (sha256: and 64 hex digits)");
    return std::string(digest.substr(prefix.size()));
}

ArtifactStore::ArtifactStore(fs::path folder, std::uint64_t reserve, Inspect inspect, FileDescriptor lock,
                             FileDescriptor changes)
    : folder_(std::move(folder)), reserve_(reserve), inspect_(std::move(inspect)), lock_(std::move(lock)),
      changes_(std::move(changes))
{
}

Result<std::unique_ptr<ArtifactStore>> ArtifactStore::open(const fs::path& folder, std::uint64_t reserve,
                                                           Inspect inspect, Use use)
{
    std::error_code code;
    for (const char* name : {"bundles", "images", "incoming"}) {
        fs::create_directories(folder / name, code);
        if (code)
            return tl::unexpected(system_failure((folder / name).string(), code.value()));
    }
    auto lock = open_lock(folder / "lock");
    auto changes = open_lock(folder / "changes");
    if (!lock || !changes)
        return tl::unexpected(lock ? changes.error() : lock.error());
    const int file = lock->get();
    const bool alone = ::flock(file, LOCK_EX | LOCK_NB) == 0;
    if (!alone && use == Use::alone)
        return in_use(folder);
    auto store = std::unique_ptr<ArtifactStore>(
        new ArtifactStore(folder, reserve, std::move(inspect), std::move(*lock), std::move(*changes)));
    if (auto swept = store->sweep(alone ? std::chrono::hours(0) : abandoned_after); !swept)
        return tl::unexpected(swept.error());
    for (int tried = 0; use == Use::shared && ::flock(file, LOCK_SH | LOCK_NB) != 0; ++tried) {
        if (tried == sharing_tries)
            return in_use(folder);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return store;
}

/// What was left half done `age` ago by a process that was killed.
Result<void> ArtifactStore::sweep(std::chrono::hours age) const
{
    std::error_code code;
    const auto old = [&](const fs::path& file) {
        const auto time = fs::last_write_time(file, code);
        return !code && time <= fs::file_time_type::clock::now() - age;
    };
    for (const auto& entry : fs::directory_iterator(folder_ / "incoming", code))
        if (old(entry.path()))
            fs::remove_all(entry.path(), code);
    std::set<fs::path> names;
    for (const auto& entry : fs::directory_iterator(folder_ / "images", code))
        names.insert(entry.path());
    if (code)
        return tl::unexpected(system_failure((folder_ / "images").string(), code.value()));
    for (const auto& name : names) {
        const bool metadata = name.extension() == metadata_suffix;
        const auto other = metadata ? fs::path(name).replace_extension()
                                    : fs::path(name.string() + std::string(metadata_suffix));
        const bool whole = names.contains(other) && digest_hex("sha256:" + name.stem().string());
        if (!whole && old(name))
            fs::remove(name, code);
    }
    return {};
}

Failure ArtifactStore::with_advice(Failure failure) const
{
    if (failure.kind == FailureKind::no_space)
        failure.message += "; delete images that are not needed (DELETE /v1/images/{digest}) or make room "
                           "on the file system of " +
                           folder_.string();
    return failure;
}

Result<void> ArtifactStore::check_space() const
{
    struct statvfs facts {
    };
    if (::statvfs(folder_.c_str(), &facts) != 0)
        return tl::unexpected(system_failure(folder_.string(), errno));
    const std::uint64_t free = static_cast<std::uint64_t>(facts.f_bavail) * facts.f_frsize;
    if (free >= reserve_)
        return {};
    return tl::unexpected(with_advice(
        {FailureKind::no_space, folder_.string() + ": the disk is full: " + std::to_string(free >> 20) +
                                    " MiB are free, " + std::to_string(reserve_ >> 20) +
                                    " MiB are the least (disk-reserve)"}));
}

Result<IncomingFile> ArtifactStore::receive() const
{
    if (auto space = check_space(); !space)
        return tl::unexpected(space.error());
    return IncomingFile::create(folder_ / "incoming");
}

Result<std::string> ArtifactStore::keep_bundle(IncomingFile file)
{
    const auto digest = file.finish();
    if (!digest)
        return tl::unexpected(with_advice(digest.error()));
    const auto text = to_string(*digest);
    if (auto kept = file.keep(folder_ / "bundles" / *digest_hex(text)); !kept)
        return tl::unexpected(with_advice(kept.error()));
    return text;
}

Result<fs::path> ArtifactStore::bundle(std::string_view digest) const
{
    const auto hex = digest_hex(digest);
    if (!hex)
        return tl::unexpected(hex.error());
    auto path = folder_ / "bundles" / *hex;
    std::error_code code;
    if (!fs::is_regular_file(path, code))
        return fail(FailureKind::not_found,
                    "no bundle " + std::string(digest) + " is stored here; send it to /v1/bundles first");
    fs::last_write_time(path, fs::file_time_type::clock::now(), code);  // it is in use: see prune_bundles
    return path;
}

bool ArtifactStore::has_bundle(std::string_view digest) const
{
    const auto hex = digest_hex(digest);
    std::error_code code;
    return hex && fs::is_regular_file(folder_ / "bundles" / *hex, code);
}

std::optional<ArtifactStore::BundleFacts> ArtifactStore::bundle_facts(std::string_view digest) const
{
    const auto hex = digest_hex(digest);
    if (!hex)
        return std::nullopt;
    std::error_code code;
    std::error_code other;
    const auto file = folder_ / "bundles" / *hex;
    const BundleFacts facts{fs::file_size(file, code), fs::last_write_time(file, other)};
    return code || other ? std::nullopt : std::optional(facts);
}

void ArtifactStore::remove_bundle(std::string_view digest)
{
    std::error_code code;
    if (const auto hex = digest_hex(digest))
        fs::remove(folder_ / "bundles" / *hex, code);
}

std::size_t ArtifactStore::prune_bundles(std::chrono::hours age, const std::vector<std::string>& in_use)
{
    std::size_t removed = 0;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder_ / "bundles", code)) {
        const auto digest = "sha256:" + entry.path().filename().string();
        if (std::find(in_use.begin(), in_use.end(), digest) == in_use.end() &&
            entry.last_write_time(code) < fs::file_time_type::clock::now() - age)
            removed += fs::remove(entry.path(), code) ? 1 : 0;
    }
    return removed;
}

Result<void> ArtifactStore::move_in(const fs::path& file, const fs::path& target) const
{
    if (::rename(file.c_str(), target.c_str()) == 0)
        return {};
    if (errno != EXDEV)
        return tl::unexpected(system_failure(target.string(), errno));
    auto copy = IncomingFile::create(folder_ / "incoming");  // from another file system
    if (!copy)
        return tl::unexpected(copy.error());
    std::ifstream source(file, std::ios::binary);
    std::vector<char> piece(std::size_t{256} << 10);
    while (source.read(piece.data(), static_cast<std::streamsize>(piece.size())) || source.gcount() > 0)
        if (auto written =
                copy->write(std::as_bytes(std::span(piece).first(static_cast<std::size_t>(source.gcount()))));
            !written)
            return written;
    const auto digest = copy->finish();
    if (!digest)
        return tl::unexpected(digest.error());
    if (*digest_hex(to_string(*digest)) != target.filename())
        return fail(FailureKind::internal, file.string() + " changed while it was copied");
    return copy->keep(target);
}

Result<StoredImage> ArtifactStore::import_image(const fs::path& file, const std::string& build)
{
    const auto facts = verify(file);
    if (!facts)
        return tl::unexpected(facts.error());
    return import_image(file, *facts, build);
}

Result<StoredImage> ArtifactStore::import_image(const fs::path& file, const ImageFacts& facts,
                                                const std::string& build)
{
    const auto hex = digest_hex(facts.digest);
    if (!hex)
        return tl::unexpected(hex.error());
    if (auto synced = sync_path(file); !synced)
        return tl::unexpected(with_advice(synced.error()));

    const auto target = folder_ / "images" / *hex;
    const nlohmann::json metadata = {{"digest", facts.digest},
                                     {"bytes", facts.bytes},
                                     {"created", timestamp()},
                                     {"build", build},
                                     {"description", facts.description}};
    const std::scoped_lock lock(images_mutex_);
    if (auto known = read_image(target, *hex))
        return known;
    if (auto moved = move_in(file, target); !moved)
        return tl::unexpected(with_advice(moved.error()));
    // Also syncs the folder, which makes both names durable.
    if (auto written = write_file_atomically(target.string() + std::string(metadata_suffix), metadata.dump());
        !written)
        return tl::unexpected(with_advice(written.error()));
    auto image = read_image(target, *hex);
    if (image)
        image->imported_now = true;
    return image;
}

Result<StoredImage> ArtifactStore::image(std::string_view digest) const
{
    const auto hex = digest_hex(digest);
    if (!hex)
        return tl::unexpected(hex.error());
    const std::scoped_lock lock(images_mutex_);
    return read_image(folder_ / "images" / *hex, *hex);
}

std::vector<std::string> ArtifactStore::image_digests() const
{
    const std::scoped_lock lock(images_mutex_);
    std::vector<std::string> found;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder_ / "images", code))
        if (entry.path().extension() == metadata_suffix)
            found.push_back("sha256:" + entry.path().stem().string());
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<StoredImage> ArtifactStore::images() const
{
    std::vector<StoredImage> found;
    for (const auto& digest : image_digests())
        if (auto stored = image(digest))
            found.push_back(std::move(*stored));
    return found;
}

Result<void> ArtifactStore::remove_image(std::string_view digest)
{
    const auto hex = digest_hex(digest);
    if (!hex)
        return tl::unexpected(hex.error());
    const auto file = folder_ / "images" / *hex;
    const std::scoped_lock lock(images_mutex_);
    std::error_code code;
    // Metadata first: from then on the image does not exist, whatever happens next.
    const bool existed = fs::remove(file.string() + std::string(metadata_suffix), code);
    fs::remove(file, code);
    if (!existed)
        return fail(FailureKind::not_found, "no image " + std::string(digest) + " is stored here");
    return sync_path(folder_ / "images");
}

}  // namespace unikernel
