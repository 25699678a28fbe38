// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <soci/soci.h>

namespace unikernel
{

/// The version of the tables that this program knows.
int schema_version();

/// Brings the tables up to date, inside of the caller's transaction; answers the version they had.
/// Changes nothing when that is newer than `schema_version`. Throws SOCI's exceptions.
int migrate(soci::session& sql);

}  // namespace unikernel
