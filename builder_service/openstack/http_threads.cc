// SPDX-License-Identifier: Apache-2.0
#include "builder_service/openstack/http_threads.hh"

#include <mutex>
#include <utility>  // Boost.Asio forgets it

#include <pplx/threadpool.h>

namespace unikernel
{

void start_http_threads()
{
    static std::once_flag once;
    std::call_once(once, [] { crossplat::threadpool::initialize_with_threads(4); });
}

}  // namespace unikernel
