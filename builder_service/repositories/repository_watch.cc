// SPDX-License-Identifier: Apache-2.0
#include "builder_service/repositories/repository_watch.hh"

#include <condition_variable>

namespace unikernel
{

RepositoryWatch::RepositoryWatch(ModuleRepositories& repositories, std::chrono::seconds interval,
                                 std::function<void(const std::string&)> tell, std::function<void()> changed)
    : thread_([&repositories, interval, tell = std::move(tell),
               changed = std::move(changed)](const std::stop_token& stop) {
          std::string known = repositories.content_digest().value_or("");
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock lock(mutex);
          while (!stop.stop_requested()) {
              for (const std::string& notice : repositories.refresh(stop)) {
                  tell(notice);
              }
              if (const std::string now = repositories.content_digest().value_or(""); now != known) {
                  known = now;
                  changed();
              }
              never.wait_for(lock, stop, interval, [] { return false; });
          }
      })
{
}

}  // namespace unikernel
