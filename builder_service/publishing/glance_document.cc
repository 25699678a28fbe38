// SPDX-License-Identifier: Apache-2.0
#include "builder_service/publishing/glance_document.hh"

#include "builder_service/publishing/image_properties.hh"
#include "builder_service/publishing/sha512.hh"

namespace unikernel
{

nlohmann::json glance_document(const BuildRecord& build, const StoredImage& image)
{
    nlohmann::json document = {{"id", build.publish->image_id},
                               {"name", build.publish->name},
                               {"owner", build.project},
                               {"visibility", build.publish->visibility},
                               {"disk_format", "raw"},
                               {"container_format", "bare"},
                               {"min_ram", minimum_memory_mib(image.description)},
                               {"min_disk", 0},
                               {"kernel_id", build.publish->image_id},
                               {"unikernel_build", build.id}};
    for (const auto& [name, value] : image_properties(image.description, image.digest))
        document[name] = value;
    return document;
}

bool is_of_build(const GlanceImage& found, const BuildRecord& build)
{
    return found.owner == build.project && found.property("unikernel_build") == build.id;
}

Result<bool> holds_bytes(const GlanceImage& found, const StoredImage& image)
{
    if (found.bytes != image.bytes || found.property("unikernel_digest") != image.digest)
        return false;
    if (found.hash_algorithm != "sha512" || found.hash.empty())
        return true;
    const auto hash = sha512_of_file(image.file);
    if (!hash)
        return tl::unexpected(hash.error());
    return *hash == found.hash;
}

}  // namespace unikernel
