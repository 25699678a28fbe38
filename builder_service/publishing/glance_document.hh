// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "builder_service/artifacts/artifact_store.hh"
#include "builder_service/builds/build_record.hh"
#include "builder_service/openstack/glance.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// The body of POST /v2/images for the image of `build`, whose publication is set: owned by the build's
/// project, its own kernel, with all that follows from its bytes.
nlohmann::json glance_document(const BuildRecord& build, const StoredImage& image);

/// Whether Glance's image was made for this build. What is not is never touched.
bool is_of_build(const GlanceImage& found, const BuildRecord& build);

/// Whether an active image holds the bytes of `file`: by Glance's own hash, or, where Glance uses another
/// than SHA-512, by size and by the digest that the builder wrote. Errors: internal.
Result<bool> holds_bytes(const GlanceImage& found, const StoredImage& image);

}  // namespace unikernel
