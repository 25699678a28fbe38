// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/image_argument.hh"

#include "builder_service/cli/backend.hh"

namespace unikernel::cli
{

namespace fs = std::filesystem;

namespace
{

bool looks_like_path(const std::string& reference)
{
    return reference.find('/') != std::string::npos || reference.find('.') != std::string::npos;
}

Result<CheckedImage> check_file(const fs::path& file)
{
    auto facts = inspect_image(file);
    if (!facts) {
        return tl::unexpected(facts.error());
    }
    return CheckedImage{fs::absolute(file), std::move(*facts)};
}

}  // namespace

Result<CheckedImage> open_image(const std::string& reference,
                                const boost::program_options::variables_map& values, const fs::path& work)
{
    std::error_code error;
    if (fs::is_directory(reference, error)) {
        return fail(FailureKind::invalid,
                    reference + " is a folder, not an image; to make one: unikernel build " + reference);
    }
    if (fs::exists(reference, error)) {
        return check_file(reference);
    }
    if (looks_like_path(reference)) {
        return fail(FailureKind::not_found, reference + ": there is no such file");
    }
    const auto backend = open_backend(values);
    if (!backend) {
        return tl::unexpected(backend.error());
    }
    const auto digest = find_image(**backend, reference);
    if (!digest) {
        return tl::unexpected(digest.error());
    }
    const fs::path file = work / "image";
    if (auto fetched = (*backend)->fetch(*digest, file); !fetched) {
        return tl::unexpected(fetched.error());
    }
    return check_file(file);
}

}  // namespace unikernel::cli
