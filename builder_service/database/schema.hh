// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <soci/soci.h>

#include "builder_service/database/engine.hh"

namespace unikernel
{

/// The version of the tables that this program knows.
int schema_version();

/// Brings the tables up to date, also after it was cut off before; answers the version they had. Changes
/// nothing when that is newer than `schema_version`. Throws as Engine.
int migrate(soci::session& sql, Engine& engine);

}  // namespace unikernel
