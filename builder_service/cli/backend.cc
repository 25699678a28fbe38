// SPDX-License-Identifier: Apache-2.0
#include "builder_service/cli/backend.hh"

#include <algorithm>
#include <cstdlib>

#include "builder_service/cli/command.hh"
#include "common/util/nearest.hh"

namespace unikernel::cli
{

namespace
{

constexpr std::size_t shortest_digest = 6;  ///< hex digits that may stand for the whole

std::string hex_part(const std::string& digest)
{
    return digest.starts_with("sha256:") ? digest.substr(7) : digest;
}

bool could_be_digest(const std::string& text)
{
    return text.size() >= shortest_digest && text.size() <= 64 &&
           text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string service_url(const boost::program_options::variables_map& values)
{
    if (values.count("service") != 0) {
        return values["service"].as<std::string>();
    }
    const char* variable = std::getenv("UNIKERNEL_SERVICE");
    return variable != nullptr && *variable != '\0' ? variable : "http://127.0.0.1:8770";
}

Locations locations(const boost::program_options::variables_map& values)
{
    Locations places = default_locations();
    if (values.count("state") != 0) {
        places.state = std::filesystem::absolute(values["state"].as<std::string>());
    }
    if (values.count("config") != 0) {
        places.config = std::filesystem::absolute(values["config"].as<std::string>());
    }
    return places;
}

Result<std::unique_ptr<Backend>> open_backend(const boost::program_options::variables_map& values)
{
    if (values.count("local") != 0 && values.count("service") != 0) {
        throw UsageError("--local and --service exclude each other");
    }
    if (values.count("local") != 0) {
        return open_local_backend(locations(values));
    }
    return open_service_backend(service_url(values));
}

Result<std::string> find_image(Backend& backend, const std::string& reference)
{
    const auto images = backend.images();
    if (!images) {
        return tl::unexpected(images.error());
    }
    const ImageEntry* newest = nullptr;
    for (const ImageEntry& image : *images) {
        if (image.description.value("name", "") == reference &&
            (newest == nullptr || newest->created < image.created)) {
            newest = &image;
        }
    }
    if (newest != nullptr) {
        return newest->digest;
    }
    std::vector<std::string> matches;
    if (const std::string digits = hex_part(reference); could_be_digest(digits)) {
        for (const ImageEntry& image : *images) {
            if (hex_part(image.digest).starts_with(digits)) {
                matches.push_back(image.digest);
            }
        }
    }
    if (matches.size() > 1) {
        return fail(FailureKind::conflict, std::to_string(matches.size()) + " images begin with " +
                                               reference + "; give more digits");
    }
    if (matches.empty()) {
        std::vector<std::string> names;
        for (const ImageEntry& image : *images) {
            names.push_back(image.description.value("name", ""));
        }
        const auto near = nearest(reference, names);
        return fail(FailureKind::not_found,
                    "\"" + reference + "\" is neither a file nor the name or digest of a stored image" +
                        (near ? "; did you mean " + *near + "?" : "; unikernel build makes one"));
    }
    return matches.front();
}

}  // namespace unikernel::cli
