// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/documents.hh"

#include <cstdlib>

#include "builder_service/cli/command.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/decode/document.hh"
#include "common/model/secret.hh"
#include "common/util/file.hh"

namespace unikernel::cli
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t secret_limit = 4096;  ///< bytes of a file that holds a secret
constexpr const char* spec_name = "unikernel.yaml";

Result<std::string> secret_from_environment(const std::string& name)
{
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
        return fail(FailureKind::invalid,
                    "the environment variable " + name + " is not set; do: export " + name + "=...");
    }
    if (*value == '\0') {
        return fail(FailureKind::invalid, "the environment variable " + name + " is empty");
    }
    return std::string(value);
}

Result<std::string> secret_from_file(const fs::path& file)
{
    auto text = read_file(file, secret_limit);
    if (!text) {
        return text;
    }
    if (text->ends_with('\n')) {
        text->pop_back();
    }
    if (text->ends_with('\r')) {
        text->pop_back();
    }
    if (text->empty()) {
        return fail(FailureKind::invalid, file.native() + " is empty");
    }
    return text;
}

bool is_file(const fs::path& path)
{
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}

Result<Bundle> pack(const fs::path& folder, const fs::path& work)
{
    const auto archive = pack_bundle(folder);
    if (!archive) {
        return tl::unexpected(archive.error());
    }
    if (auto written = write_file(work / "bundle.tar", *archive, 0600); !written) {
        return tl::unexpected(written.error());
    }
    return Bundle{work / "bundle.tar", is_file(folder / spec_name) ? folder / spec_name : fs::path()};
}

}  // namespace

Result<nlohmann::json> read_document(const fs::path& file)
{
    auto document = decode_file(file);
    if (!document) {
        return document;
    }
    const auto source = [&](std::string_view kind, std::string_view name) -> Result<std::string> {
        return kind == "from_env" ? secret_from_environment(std::string(name))
                                  : secret_from_file(file.parent_path() / name);
    };
    auto sealed = seal_secrets(std::move(*document), source);
    if (!sealed) {
        return tl::unexpected(Failure{sealed.error().kind, file.native() + ": " + sealed.error().message});
    }
    return sealed;
}

Result<Bundle> prepare_bundle(const fs::path& source, const fs::path& work)
{
    std::error_code error;
    const auto status = fs::status(source, error);
    if (!fs::exists(status)) {
        return fail(FailureKind::not_found, source.native() + ": there is no such file or folder");
    }
    if (fs::is_directory(status)) {
        return pack(source, work);
    }
    if (!fs::is_regular_file(status)) {
        return fail(FailureKind::invalid,
                    source.native() + " is neither a folder nor a tar archive (plain, gzip or zstd)");
    }
    fs::create_directory(work / "unpacked", error);
    if (auto unpacked = unpack_bundle(source, work / "unpacked"); !unpacked) {
        return tl::unexpected(unpacked.error());
    }
    const fs::path spec = work / "unpacked" / spec_name;
    return Bundle{source, is_file(spec) ? spec : fs::path()};
}

}  // namespace unikernel::cli
