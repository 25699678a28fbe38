// SPDX-License-Identifier: Apache-2.0
#include <system_error>

#include "builder_service/pipeline/pipeline.hh"
#include "builder_service/platforms/u0/image_file.hh"
#include "common/util/digest.hh"
#include "common/util/file.hh"

namespace unikernel
{

Result<ImageFacts> inspect_image(const std::filesystem::path& image)
{
    constexpr std::uint64_t largest = 1ULL << 30;
    std::error_code error;
    const std::filesystem::path path = std::filesystem::canonical(image, error);  // links are welcome here
    if (error) {
        return fail(FailureKind::not_found, image.string() + ": " + error.message());
    }
    const Result<std::string> bytes = read_file(path, largest);
    if (!bytes) {
        return fail(bytes.error().kind == FailureKind::too_large ? FailureKind::invalid : bytes.error().kind,
                    bytes.error().message);
    }
    Result<nlohmann::json> description = u0::check_image(*bytes);
    if (!description) {
        return fail(FailureKind::invalid,
                    image.string() + ": is no intact image: " + description.error().message);
    }
    return ImageFacts{bytes->size(), to_string(sha256(*bytes)), std::move(*description)};
}

}  // namespace unikernel
