// SPDX-License-Identifier: Apache-2.0
#include "builder_service/sandbox/archive.hh"

#include <archive.h>
#include <archive_entry.h>

namespace unikernel
{

void ArchiveFree::operator()(archive* handle) const noexcept
{
    archive_free(handle);
}

void ArchiveFree::operator()(archive_entry* entry) const noexcept
{
    archive_entry_free(entry);
}

}  // namespace unikernel
