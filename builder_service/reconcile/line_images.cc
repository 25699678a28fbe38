// SPDX-License-Identifier: Apache-2.0
#include "builder_service/reconcile/line_images.hh"

namespace unikernel
{

namespace
{

using soci::into;
using soci::use;

constexpr const char* select_image =
    "SELECT build, number, project, name, image, image_id, plan_digest, created, not_after FROM line_images ";

/// `prepared` is a select_image with its parameters bound.
std::vector<LineImage> fetch(soci::details::prepare_temp_type prepared)
{
    LineImage row;
    long long number = 0;
    soci::statement statement =
        (prepared, into(row.build), into(number), into(row.project), into(row.name), into(row.image),
         into(row.image_id), into(row.plan_digest), into(row.created), into(row.not_after));
    std::vector<LineImage> images;
    statement.execute();
    while (statement.fetch()) {
        row.number = number;
        images.push_back(row);
    }
    return images;
}

std::optional<LineImage> first(std::vector<LineImage> images)
{
    if (images.empty())
        return std::nullopt;
    return std::move(images.front());
}

}  // namespace

Result<void> LineImageRepository::add(const LineImage& image)
{
    return database_.transact(false, [&](soci::session& sql) {
        int known = 0;
        sql << "SELECT COUNT(*) FROM line_images WHERE build = :build", use(image.build), into(known);
        if (known != 0)
            return;
        const long long number = image.number;
        sql << "INSERT INTO line_images (build, number, project, name, image, image_id, "
               "plan_digest,"
               " created, not_after) VALUES (:build, :number, :project, :name, :image, :image_id, :plan,"
               " :created, :not_after)",
            use(image.build), use(number), use(image.project), use(image.name), use(image.image),
            use(image.image_id), use(image.plan_digest), use(image.created), use(image.not_after);
    });
}

Result<void> LineImageRepository::set_image_id(const std::string& build, const std::string& image_id)
{
    return database_.transact(false, [&](soci::session& sql) {
        sql << "UPDATE line_images SET image_id = :id WHERE build = :build", use(image_id), use(build);
    });
}

Result<std::optional<LineImage>> LineImageRepository::of_build(const std::string& build)
{
    return database_.transact(false, [&](soci::session& sql) {
        return first(fetch((sql.prepare << select_image << "WHERE build = :build", use(build))));
    });
}

Result<std::optional<LineImage>> LineImageRepository::of_reference(const std::string& project,
                                                                   const std::string& reference)
{
    return database_.transact(false, [&](soci::session& sql) -> std::optional<LineImage> {
        if (reference.empty())
            return std::nullopt;
        return first(fetch((sql.prepare << select_image
                                        << "WHERE project = :project AND (image = :digest OR image_id = :id)"
                                           " ORDER BY number DESC LIMIT 1",
                            use(project), use(reference), use(reference))));
    });
}

Result<std::vector<LineImage>> LineImageRepository::expired(const std::string& now)
{
    return database_.transact(false, [&](soci::session& sql) {
        return fetch((sql.prepare << select_image
                                  << "WHERE retired = 0 AND image_id != '' AND not_after != ''"
                                     " AND not_after <= :now ORDER BY number",
                      use(now)));
    });
}

Result<void> LineImageRepository::set_retired(const LineImage& image)
{
    return database_.transact(false, [&](soci::session& sql) {
        sql << "UPDATE line_images SET retired = 1 WHERE build = :build", use(image.build);
    });
}

}  // namespace unikernel
