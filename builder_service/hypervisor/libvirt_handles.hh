// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <memory>

#include <libvirt/libvirt.h>

namespace unikernel
{

/// libvirt's objects, released by libvirt's own functions.
struct LibvirtFree {
    void operator()(virConnectPtr connection) const noexcept { virConnectClose(connection); }
    void operator()(virDomainPtr domain) const noexcept { virDomainFree(domain); }
    void operator()(char* text) const noexcept { std::free(text); }  // what libvirt says of its strings
};

using Connection = std::unique_ptr<virConnect, LibvirtFree>;
using Domain = std::unique_ptr<virDomain, LibvirtFree>;
using LibvirtText = std::unique_ptr<char, LibvirtFree>;

}  // namespace unikernel
