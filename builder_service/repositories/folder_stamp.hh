// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "common/util/digest.hh"
#include "common/util/result.hh"

namespace unikernel
{

/// A folder as its entries' names, sizes, inodes and times have it: cheap, no content is read. Equal stamps
/// mean equal content, if the stamp is settled.
struct FolderStamp {
    Digest digest{};
    /// Nothing changed in the second before the stamp was taken. A file that is changed twice within one tick
    /// of the file system's clock looks the same after both.
    bool settled = false;
};

/// Errors: not_found.
Result<FolderStamp> folder_stamp(const std::filesystem::path& folder);

}  // namespace unikernel
