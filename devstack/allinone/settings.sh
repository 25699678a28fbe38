# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # read by the files that source this one
# What may be set from outside, by an environment variable of the same name.

# Configuration as rendered, databases, images, instances, logs, credentials: all of the cloud.
ALLINONE_DIR=${ALLINONE_DIR:-/var/lib/unikernel-allinone}

# The compute driver, as nova.conf names it.  libvirt.LibvirtDriver is stock Nova.
ALLINONE_COMPUTE_DRIVER=${ALLINONE_COMPUTE_DRIVER:-unikernel.UnikernelDriver}

# The builder service: the program that a build of this repository makes, or "none" for a cloud without it.
ALLINONE_BUILDER=${ALLINONE_BUILDER:-$REPOSITORY/build/release/bin/unikernel-builder}

# kvm where it really works, qemu elsewhere.
ALLINONE_VIRT_TYPE=${ALLINONE_VIRT_TYPE:-qemu}

# The network "public": the first address is this machine's leg inside the namespaces.
ALLINONE_PUBLIC_PREFIX=${ALLINONE_PUBLIC_PREFIX:-10.24.0}   # of a /24

# "true" makes every service log in detail.
ALLINONE_DEBUG=${ALLINONE_DEBUG:-false}

STATE=$ALLINONE_DIR
