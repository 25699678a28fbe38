// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <boost/program_options.hpp>

#include "builder_service/pipeline/pipeline.hh"

namespace unikernel::cli
{

/// An image on disk whose seal and form have been checked.
struct CheckedImage {
    std::filesystem::path file;
    ImageFacts facts;
};

/// A file, or the name or digest of a stored image, which is then fetched into `work`.
/// Errors: not_found, invalid (names the check that failed), unavailable (no builder to ask).
Result<CheckedImage> open_image(const std::string& reference,
                                const boost::program_options::variables_map& values,
                                const std::filesystem::path& work);

}  // namespace unikernel::cli
