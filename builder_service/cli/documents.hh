// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "common/util/result.hh"

namespace unikernel::cli
{

/// A spec or requirement out of a file, its secrets sealed: from here on nothing holds a plain text.
/// {from_env: NAME} reads the environment, {from_file: PATH} a file (relative to the document's folder, its
/// last line end dropped). Errors: those of decode_file and seal_secrets, with the file's name in front.
Result<nlohmann::json> read_document(const std::filesystem::path& file);

/// A source folder, or a tar archive of one, as the archive that is sent.
struct Bundle {
    std::filesystem::path archive;
    std::filesystem::path spec;  ///< its unikernel.yaml; empty if it has none
};

/// `work`: an empty folder of ours, which the answer's files may be in.
/// Errors: not_found, invalid, too_large, no_space.
Result<Bundle> prepare_bundle(const std::filesystem::path& source, const std::filesystem::path& work);

}  // namespace unikernel::cli
