// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/repository_settings.hh"

#include <gtest/gtest.h>

#include "common/util/file.hh"
#include "common/util/temporary_directory.hh"

namespace unikernel
{
namespace
{

const std::string digest = "sha256:" + std::string(64, 'a');

Result<RepositoriesSettings> read(const std::string& text)
{
    const auto folder = TemporaryDirectory::create();
    const auto file = folder->path() / "conf";
    EXPECT_TRUE(write_file(file, text));
    const auto settings = read_settings_file(file);
    EXPECT_TRUE(settings);
    auto result = repositories_settings(*settings);
    if (!result) {
        auto& message = result.error().message;
        message = message.substr(file.string().size());
    }
    return result;
}

std::string refusal(const std::string& text)
{
    const auto settings = read(text);
    EXPECT_FALSE(settings) << text;
    return settings ? "" : settings.error().message;
}

TEST(RepositorySettings, are_sections_of_the_configuration)
{
    const auto settings = read("workers = 2\n[repository:site]\npath = /srv/modules/\n"
                               "[repository:acme]\nbundle = https://acme.example/m.tar.gz\ndigest = " +
                               digest +
                               "\nkey = /etc/unikernel/acme.pub\npriority = 200\nmodules = firewall, waf\n"
                               "[repository:builtin]\npriority = 50\n[pins]\nlwip = 2.1.3\ndhcp = "
                               "1.0.0@builtin\n[glance]\npublish = false\n");
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->builtin_priority, 50);
    ASSERT_EQ(settings->others.size(), 2U);
    const RepositorySettings& acme = settings->others[0];
    EXPECT_EQ(acme.name, "acme");
    EXPECT_EQ(acme.signature, "https://acme.example/m.tar.gz.sig");
    EXPECT_EQ(acme.priority, 200);
    EXPECT_EQ(acme.modules, (std::set<std::string>{"firewall", "waf"}));
    EXPECT_TRUE(acme.is_bundle());
    const RepositorySettings& site = settings->others[1];
    EXPECT_EQ(site.folder, "/srv/modules");
    EXPECT_EQ(site.priority, 100);
    EXPECT_FALSE(site.is_bundle());
    EXPECT_EQ(settings->pins.at("dhcp"), "1.0.0@builtin");
}

TEST(RepositorySettings, that_are_wrong_are_named)
{
    EXPECT_EQ(refusal("[repository:a]\npaht = /x\n"),
              ", line 2: unknown key 'paht' in [repository:a]; did you mean path?");
    EXPECT_EQ(refusal("[repository:A b]\npath = /x\n"),
              ": [repository:A b] is no name for a repository: a-z, 0-9 and -, at most 63 characters");
    EXPECT_EQ(refusal("[repository:a]\n"), ": [repository:a] needs path or bundle");
    EXPECT_EQ(refusal("[repository:a]\npath = x\n"), ", line 2: path: 'x' must be an absolute path");
    EXPECT_EQ(refusal("[repository:a]\npath = /x\nbundle = file:///y\n"),
              ": [repository:a] has both path and bundle; one of them must go");
    EXPECT_EQ(refusal("[repository:a]\nbundle = ftp://y\n"),
              ", line 2: bundle: 'ftp://y' must begin with file:///, http:// or https://");
    EXPECT_EQ(refusal("[repository:a]\nbundle = https://me:secret@y/z\n"),
              ", line 2: bundle: a name or a password in the URL is refused");
    EXPECT_EQ(
        refusal("[repository:a]\nbundle = file:///y\n"),
        ": [repository:a] needs digest: a bundle is used only if it is the one that is meant; unikernel "
        "repository pack prints it, and so does sha256sum");
    EXPECT_EQ(refusal("[repository:a]\nbundle = file:///y\ndigest = sha256:12\n"),
              ", line 3: digest: 'sha256:12' is not sha256:<64 hex digits>");
    EXPECT_EQ(refusal("[repository:a]\npath = /x\nkey = /k\n"),
              ": [repository:a] key, signature and cafile are for bundles, not for a path");
    EXPECT_EQ(refusal("[repository:a]\nbundle = file:///y\ndigest = " + digest + "\nsignature = file:///z\n"),
              ": [repository:a] has a signature, but no key to check it with");
    EXPECT_EQ(refusal("[repository:a]\npath = /x\npriority = 1001\n"),
              ", line 3: priority: '1001' is no number from -1000 to 1000");
    EXPECT_EQ(refusal("[repository:a]\npath = /x\nmodules = Fire wall\n"),
              ", line 3: modules: 'Fire' is no module's name");
    EXPECT_EQ(
        refusal("[repository:builtin]\npath = /x\n"),
        ": [repository:builtin] is the builder's own repository, of which only the priority can be set; "
        "its folder is `modules` at the top of the file");
    EXPECT_EQ(refusal("[pins]\nlwip = newest\n"),
              ", line 2: lwip: 'newest' is neither a version, 1.2.0, nor one of a repository, 1.2.0@name");
    EXPECT_EQ(refusal("[pins]\nLwip = 1.0.0\n"), ", line 2: 'Lwip' is no module's name");
}

}  // namespace
}  // namespace unikernel
