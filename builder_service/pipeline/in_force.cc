// SPDX-License-Identifier: Apache-2.0
#include "builder_service/pipeline/pipeline.hh"
#include "common/decode/specification.hh"
#include "common/util/time.hh"

namespace unikernel
{

Result<InForce> in_force(const nlohmann::json& spec, std::vector<nlohmann::json> requirements,
                         std::chrono::sys_seconds now)
{
    if (requirements.empty()) {
        return InForce{};
    }
    const Result<ImageSpec> image = decode_spec(spec);
    if (!image) {
        return tl::unexpected(image.error());
    }
    InForce result;
    std::vector<SecurityRequirement> begun;
    for (std::size_t i = 0; i < requirements.size(); ++i) {
        Result<SecurityRequirement> requirement = decode_requirement(requirements[i], i);
        if (!requirement) {
            return tl::unexpected(requirement.error());
        }
        if (requirement->valid_from > now) {
            result.left_out.push_back("requirement " + requirement->name + " is left out: it holds from " +
                                      to_rfc3339(*requirement->valid_from) + " on");
            continue;
        }
        begun.push_back(std::move(*requirement));
        result.requirements.push_back(std::move(requirements[i]));
    }
    if (const SecurityRequirement* shortest = shortest_validity(begun, *image)) {
        result.validity = shortest->validity;
    }
    return result;
}

}  // namespace unikernel
