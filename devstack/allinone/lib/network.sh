# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The wire of the network "public": a pair of virtual Ethernet ends.  One carries this machine's
# address, the other goes into the bridge that Neutron's agent makes and Nova plugs taps into.

connect_public_network()
{
    inside ip link show public >/dev/null 2>&1 && return 0
    inside ip link add public type veth peer name public-wire
    inside ip address add "$ALLINONE_PUBLIC_PREFIX.1/24" dev public
    inside ip link set public up
    inside ip link set public-wire up
}
