#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# first-process.sh STATE REPOSITORY: the first process of the cloud's namespaces.
# It lays the cloud's directories over the machine's, says that it is there, and then only reaps:
# libvirtd double-forks its probes of QEMU and waits until they have vanished.
set -euo pipefail
state=$1
repository=$2

# /proc is still the machine's here, so this is our number as the machine sees it.
read -r pid _ </proc/self/stat
mount -t proc proc /proc

# /sys/class/net is to show this network namespace; the control groups are below /sys as well.
cgroups=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$cgroups"
mount -t sysfs sysfs /sys
mount --move "$cgroups" /sys/fs/cgroup
rmdir "$cgroups"

# over WHAT WHERE: WHAT hides WHERE, if the machine has such a directory at all.
over()
{
    [ -d "$2" ] || return 0
    mkdir -p "$1"
    mount --bind "$1" "$2"
}
for directory in keystone glance placement nova neutron libvirt; do
    over "$state/etc/$directory" "/etc/$directory"
    over "$state/lib/$directory" "/var/lib/$directory"
done
over "$state/lib/libvirt-cache" /var/cache/libvirt

# For what must not depend on where the state lies: databases, the message broker, uwsgi's settings.
resolver=$(cat /etc/resolv.conf 2>/dev/null || true)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/cloud /run/services /run/lock /run/libvirt /run/netns /run/mysqld
mount --bind "$state" /run/cloud
if [ ! -e /etc/resolv.conf ]; then # it was a link into /run
    mkdir -p "$(dirname "$(readlink -m /etc/resolv.conf)")" && echo "$resolver" >"$(readlink -m /etc/resolv.conf)"
fi
mkdir -p "$state/log/libvirt/qemu"
mount --bind "$state/log" /var/log

# Nova loads compute drivers from its own package alone: our one-file package is laid into it.
nova_virt=/usr/lib/python3/dist-packages/nova/virt
shim=$repository/nova_driver/shim/nova/virt
[ ! -d "$shim" ] || mount -t overlay overlay -o "lowerdir=$shim:$nova_virt" "$nova_virt"

# Our Python packages, as if installed; what the machine has beside Debian's own is hidden.
mount --bind "$state/python" "$(python3 -c 'import site; print(site.getsitepackages()[0])')"

ip link set lo up
echo "$pid" >"$state/pid"
trap : TERM
while :; do sleep 86400 & wait || true; done # it answers 143 to a TERM
