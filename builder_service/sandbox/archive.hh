// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

struct archive;
struct archive_entry;

namespace unikernel
{

/// libarchive's handles, freed by its own functions.
struct ArchiveFree {
    void operator()(archive* handle) const noexcept;  ///< reader or writer
    void operator()(archive_entry* entry) const noexcept;
};
using ArchivePtr = std::unique_ptr<archive, ArchiveFree>;
using ArchiveEntryPtr = std::unique_ptr<archive_entry, ArchiveFree>;

}  // namespace unikernel
