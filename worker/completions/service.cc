#include "worker/completions/service.h"

#include "supervisor/base/log.h"

namespace berth::completions {
namespace {

constexpr std::size_t kMostSaid = 256;  // of names that clients make up
constexpr std::size_t kMostNameBytes = 64;

}  // namespace

void IgnoredFields::Note(const std::vector<std::string>& fields) {
  for (const std::string& field : fields) {
    const std::string name = field.substr(0, kMostNameBytes);
    {
      std::lock_guard lock(mutex_);
      if (said_.size() >= kMostSaid || !said_.insert(name).second) continue;
    }
    LogInfo("requests have the field \"" + name + "\", which has no effect here; this is said once");
  }
}

}  // namespace berth::completions
