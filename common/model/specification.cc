// SPDX-License-Identifier: Apache-2.0
#include "common/model/specification.hh"

#include <algorithm>

namespace unikernel
{

bool applies(const Selector& selector, const ImageSpec& spec)
{
    if (selector.everything || selector.images.contains(spec.name)) {
        return true;
    }
    return !selector.labels.empty() &&
           std::all_of(selector.labels.begin(), selector.labels.end(), [&](const auto& label) {
               const auto found = spec.labels.find(label.first);
               return found != spec.labels.end() && found->second == label.second;
           });
}

const SecurityRequirement* shortest_validity(const std::vector<SecurityRequirement>& requirements,
                                             const ImageSpec& spec)
{
    const SecurityRequirement* shortest = nullptr;
    for (const SecurityRequirement& each : requirements) {
        if (each.validity && applies(each.applies_to, spec) &&
            (shortest == nullptr ||
             std::pair(*each.validity, each.name) < std::pair(*shortest->validity, shortest->name))) {
            shortest = &each;
        }
    }
    return shortest;
}

}  // namespace unikernel
