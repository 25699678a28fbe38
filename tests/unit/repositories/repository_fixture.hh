// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "builder_service/repositories/bundle_cache.hh"
#include "builder_service/repositories/module_repositories.hh"
#include "builder_service/repositories/signature.hh"
#include "common/util/digest.hh"
#include "common/util/file.hh"
#include "common/util/process.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel::test
{

/// The tool openssl with these arguments, which the library's results are held against.
inline void openssl(const std::vector<std::string>& arguments)
{
    ProcessSpecification tool;
    tool.program = "/usr/bin/openssl";
    tool.arguments = arguments;
    const auto done = run(tool);
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_TRUE(done->ok()) << done->error;
}

/// A builder's own folder with the module `tcp`, room for other repositories, and keys made for this test.
class RepositoryTest : public ::testing::Test
{
protected:
    void SetUp() override
    {
        module("builtin", "tcp", "1.0.0");
        key("key");
    }

    std::filesystem::path root() const { return folder_.path(); }

    void put(const std::string& path, const std::string& text) const
    {
        std::filesystem::create_directories((root() / path).parent_path());
        const auto written = write_file(root() / path, text);
        ASSERT_TRUE(written) << written.error().message;
    }

    void module(const std::string& repository, const std::string& name, const std::string& version,
                const std::string& more = "") const
    {
        put(repository + "/" + name + "/module.yaml",
            "name: " + name + "\nversion: " + version +
                "\nkind: security\nsummary: s\nlicense: Apache-2.0\nplatforms: {u0: {sources: [a.cc]}}\n" +
                more);
        put(repository + "/" + name + "/a.cc", "int a;\n");
    }

    void key(const std::string& name) const
    {
        openssl({"genpkey", "-algorithm", "ed25519", "-out", (root() / (name + ".pem")).string()});
        openssl({"pkey", "-in", (root() / (name + ".pem")).string(), "-pubout", "-out",
                 (root() / (name + ".pub")).string()});
    }

    /// Packs and signs the folder as <folder>.tar.gz; its section.
    RepositorySettings bundle(const std::string& folder, const std::string& signer = "key") const
    {
        const auto tar = compressed(*pack_bundle(root() / folder));
        EXPECT_TRUE(tar);
        put(folder + ".tar.gz", *tar);
        put(folder + ".tar.gz.sig", *sign(root() / (signer + ".pem"), *tar));
        RepositorySettings settings;
        settings.name = folder;
        settings.bundle = "file://" + (root() / (folder + ".tar.gz")).string();
        settings.signature = settings.bundle + ".sig";
        settings.digest = to_string(sha256(*tar));
        settings.key = root() / "key.pub";
        return settings;
    }

    RepositorySettings directory(const std::string& name, int priority = 100) const
    {
        RepositorySettings settings;
        settings.name = name;
        settings.folder = root() / name;
        settings.priority = priority;
        return settings;
    }

    ModuleRepositories::Settings settings(std::vector<RepositorySettings> others,
                                          std::map<std::string, std::string> pins = {}) const
    {
        ModuleRepositories::Settings all;
        all.builtin = root() / "builtin";
        all.repositories.others = std::move(others);
        all.repositories.pins = std::move(pins);
        all.cache = root() / "cache";
        return all;
    }

private:
    TemporaryDirectory folder_ = *TemporaryDirectory::create();
};

/// "firewall 1.0.0@acme, tcp 1.0.0@builtin"
inline std::string text(const Result<Repository>& modules)
{
    std::string list = modules ? "" : "error: " + modules.error().message;
    for (const ModulePtr& module : modules.value_or(Repository{}).all()) {
        list += (list.empty() ? "" : ", ") + module->name + " " + module->version + "@" + module->repository;
    }
    return list;
}

/// Why a repository is lost; empty if none is.
inline std::string loss(const Result<Repository>& modules)
{
    return !modules || modules->lost().empty() ? "" : modules->lost().front().reason;
}

}  // namespace unikernel::test
