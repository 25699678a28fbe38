// SPDX-License-Identifier: Apache-2.0
#include "builder_service/platforms/u0/u0.hh"

#include <utility>

#include "builder_service/platforms/u0/build.hh"
#include "builder_service/platforms/u0/description.hh"
#include "builder_service/platforms/u0/toolchain.hh"

namespace unikernel::u0
{

namespace
{

namespace fs = std::filesystem;

class U0 : public Platform
{
public:
    U0(fs::path folder, fs::path cache) : folder_(std::move(folder)), cache_(std::move(cache)) {}

    std::string name() const override { return "u0"; }

    std::string summary() const override
    {
        return "The embedded library OS: ordinary static C and C++ programs in ring 0, booted by multiboot "
               "or PVH";
    }

    std::vector<std::string> implied_modules(const ImageSpec& spec) const override
    {
        // Every image says on the console why it ended, and ends when asked to.
        std::vector<std::string> modules{"console", "power"};
        if (spec.application) {
            modules.emplace_back("posix");
        }
        return modules;
    }

    std::vector<std::pair<std::string, Condition>> implied_conditions(const ImageSpec& spec) const override
    {
        if (!spec.application || spec.application->arguments.empty()) {
            return {};
        }
        return {{"posix", {"arguments", spec.application->arguments}}};
    }

    Result<Digest> identity() const override
    {
        const Result<Toolchain> toolchain = find_toolchain();
        if (!toolchain) {
            return tl::unexpected(toolchain.error());
        }
        Sha256 sha;
        sha.field("u0").update(toolchain->identity);
        const Result<Description> description = load_description(folder_);
        if (!description) {
            return tl::unexpected(description.error());
        }
        for (const char* folder : {"core", "include"}) {
            Result<Digest> digest = sha256_folder(folder_ / folder);
            if (!digest) {
                return digest;
            }
            sha.update(*digest);
        }
        for (const fs::path& file : {fs::path("platform.yaml"), fs::path(description->link.script)}) {
            Result<Digest> digest = sha256_file(folder_ / file);
            if (!digest) {
                return digest;
            }
            sha.update(*digest);
        }
        for (const auto& [source, version] : description->third_party) {
            sha.field(source).field(version);
        }
        return sha.finish();
    }

    Result<std::string> toolchain() const override
    {
        return find_toolchain().map([](const Toolchain& found) { return found.text(); });
    }

    std::unique_ptr<PlatformBuild> begin(PlatformInputs inputs) const override
    {
        return std::make_unique<Build>(folder_, std::move(inputs));
    }

private:
    fs::path folder_, cache_;
};

}  // namespace

std::unique_ptr<Platform> make_platform(fs::path folder, fs::path cache)
{
    return std::make_unique<U0>(std::move(folder), std::move(cache));
}

}  // namespace unikernel::u0
