// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace unikernel
{

/// cpprestsdk has one thread pool a process, for its listener and all its clients. Makes it, the first
/// time; whoever is about to use cpprestsdk calls this, so that its size does not depend on who is first.
/// Nothing that waits for cpprestsdk may run on those threads.
void start_http_threads();

}  // namespace unikernel
