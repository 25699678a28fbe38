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

}  // namespace unikernel
