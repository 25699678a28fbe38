// SPDX-License-Identifier: Apache-2.0
#include "builder_service/pipeline/pipeline.hh"
#include "builder_service/sandbox/bundle.hh"
#include "common/decode/document.hh"

namespace unikernel
{

Result<nlohmann::json> bundle_spec(const std::filesystem::path& bundle)
{
    static const std::string name = "unikernel.yaml";
    const DocumentLimits limits;
    const Result<std::optional<std::string>> text = read_from_bundle(bundle, name, limits.bytes);
    if (!text) {
        return tl::unexpected(text.error());
    }
    if (!*text) {
        return fail(FailureKind::invalid, "bundle: has no " + name +
                                              " at its top; put the specification there, or send it as "
                                              "\"spec\" with the request");
    }
    Result<nlohmann::json> spec = decode_yaml(**text, name, limits);
    if (spec && !spec->is_object()) {
        return fail(FailureKind::invalid, name + ": must be a mapping, the image specification");
    }
    return spec;
}

}  // namespace unikernel
