// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder_service/database/database.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// What is remembered of the image of a build that succeeded, also after the build and the bytes went.
struct LineImage {
    std::string build;            ///< id
    std::int64_t number = 0;      ///< of the build: order of submission
    std::string project, name;    ///< the line
    std::string image, image_id;  ///< digest; id in Glance, or ""
    std::string plan_digest;      ///< as the image's own note says; "" if nobody knows any more
    std::string created;          ///< RFC 3339, of the build
    std::string not_after;        ///< RFC 3339; "": lives for ever
};

/// Which image is of which line: table line_images, whose SQL is all here. Thread-safe. Failures: internal,
/// no_space.
class LineImageRepository
{
public:
    /// `database` outlives it.
    explicit LineImageRepository(Database& database) : database_(database) {}
    LineImageRepository(const LineImageRepository&) = delete;
    LineImageRepository& operator=(const LineImageRepository&) = delete;

    /// The same build again is no error.
    Result<void> add(const LineImage& image);
    /// Where it is in Glance, if that was heard later than of the image.
    Result<void> set_image_id(const std::string& build, const std::string& image_id);
    Result<std::optional<LineImage>> of_build(const std::string& build);
    /// What a server of `project` runs: by digest or by id in Glance, the newest build's.
    Result<std::optional<LineImage>> of_reference(const std::string& project, const std::string& reference);

    /// Images in Glance whose time was over before `now` (RFC 3339) and which are not retired.
    Result<std::vector<LineImage>> expired(const std::string& now);
    Result<void> set_retired(const LineImage& image);

private:
    Database& database_;
};

}  // namespace unikernel
