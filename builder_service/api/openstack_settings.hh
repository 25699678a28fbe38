// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "builder_service/api/database_settings.hh"
#include "builder_service/fleet/networks.hh"
#include "builder_service/identity/keystone.hh"
#include "builder_service/openstack/session.hh"
#include "common/util/settings_file.hh"

namespace unikernel::api
{

/// The sections which the service has in common with other services of OpenStack.
struct OpenStackSettings {
    /// [glance]: where images are published.
    struct Glance {
        bool publish = true;
        std::string endpoint_override;  ///< empty: the catalogue's endpoint of type "image"
        std::string region_name;        ///< empty: that of [keystone_authtoken]
        std::string interface = "public";
        std::uint64_t project_bytes = 0;  ///< of images of a project in Glance; 0: no limit
        unsigned attempts = 7;            ///< how often it may fail in a row before a build gives up
    };
    /// [nova]: whose servers are replaced when their image is out of date.
    struct Nova {
        std::string endpoint_override;  ///< empty: the catalogue's endpoint of type "compute"
        std::string region_name;        ///< empty: that of [keystone_authtoken]
        std::string interface = "public";
    };
    Account account;  ///< [keystone_authtoken]
    KeystoneAuthenticator::Settings authentication;
    Glance glance;
    Nova nova;
    std::vector<std::string> notices;  ///< for the log: keys which are taken and have no effect
};

/// [reconcile]: what keeps images and servers as they are wanted.
struct ReconcileKeys {
    bool enabled = true;
    std::chrono::seconds interval{10};  ///< between two looks at everything
    std::chrono::seconds lease{30};     ///< after which another builder takes over
    unsigned builds = 2;                ///< of the loop at once
    Networks probe_networks;            ///< where the health of Nova's servers is checked by network
};

/// The sections of a file; those of the service alone into `reconcile` and `database`. Errors: invalid
/// (unknown section or key, with the nearest; a value out of range). What is missing is not an error here: an
/// embedded service has none of it.
Result<OpenStackSettings> openstack_settings(const SettingsFile& file, ReconcileKeys& reconcile,
                                             DatabaseKeys& database);

}  // namespace unikernel::api
