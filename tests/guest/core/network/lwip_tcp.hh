// SPDX-License-Identifier: Apache-2.0
#pragma once
#pragma GCC system_header  // lwIP's macros do not pass -Wconversion

#include <lwip/tcp.h>
