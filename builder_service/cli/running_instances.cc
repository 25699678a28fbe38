// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/running_instances.hh"

#include <algorithm>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace unikernel::cli
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t description_limit = 64ULL << 10;

fs::path folder_of(const fs::path& state)
{
    return state / "run";
}
fs::path file_of(const fs::path& state, const std::string& name)
{
    return folder_of(state) / (name + ".json");
}

nlohmann::json description_in(const fs::path& file)
{
    const auto text = read_file(file, description_limit);
    return text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
}

/// What a killed process could not clear away; the caller holds its file.
void clear_folder(const fs::path& file)
{
    const nlohmann::json description = description_in(file);
    const fs::path folder = description.is_object() ? description.value("folder", "") : "";
    if (folder.is_absolute() && folder.filename().native().starts_with(RunningInstance::folder_prefix)) {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
}

/// True while another process holds the file; one that nobody holds is cleared away.
bool is_held(const fs::path& file)
{
    const FileDescriptor descriptor(open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!descriptor) {
        return false;
    }
    if (flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
        return true;
    }
    clear_folder(file);
    std::error_code ignored;
    fs::remove(file, ignored);
    return false;
}

}  // namespace

Result<RunningInstance> RunningInstance::enter(const fs::path& state, const std::string& name)
{
    std::error_code error;
    fs::create_directories(folder_of(state), error);
    const fs::path file = file_of(state, name);
    FileDescriptor lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!lock) {
        return tl::unexpected(system_failure(file.native(), errno));
    }
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        return fail(FailureKind::conflict,
                    "an instance " + name +
                        " is running already; choose another name with --name, or: unikernel stop " + name);
    }
    clear_folder(file);
    return RunningInstance(file, name, std::move(lock));
}

RunningInstance::~RunningInstance()
{
    if (lock_) {
        std::error_code ignored;
        fs::remove(file_, ignored);
    }
}

Result<void> RunningInstance::describe(nlohmann::json description)
{
    description["name"] = name_;
    description["pid"] = getpid();
    const std::string text = description.dump() + "\n";
    // In place: a file renamed over it would not be locked.
    if (ftruncate(lock_.get(), 0) != 0 ||
        pwrite(lock_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return tl::unexpected(system_failure(file_.native(), errno));
    }
    return {};
}

std::vector<nlohmann::json> running_instances(const fs::path& state)
{
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_of(state), error)) {
        if (entry.path().extension() == ".json") {
            names.push_back(entry.path().stem().native());
        }
    }
    std::sort(names.begin(), names.end());
    std::vector<nlohmann::json> instances;
    for (const std::string& name : names) {
        if (auto instance = running_instance(state, name)) {
            instances.push_back(std::move(*instance));
        }
    }
    return instances;
}

std::optional<nlohmann::json> running_instance(const fs::path& state, const std::string& name)
{
    const fs::path file = file_of(state, name);
    if (!is_held(file)) {
        return std::nullopt;
    }
    nlohmann::json description = description_in(file);
    if (!description.is_object()) {  // it has the name, but is not started yet
        return nlohmann::json{{"name", name}};
    }
    return description;
}

}  // namespace unikernel::cli
