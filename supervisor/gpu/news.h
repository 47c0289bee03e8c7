// What of one reading after another is worth an event: a GPU lost or back, an Xid, NVML gone or back, foreign use that
// grew. Pure but for what it remembers having told. Control thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/gpu/inventory.h"
#include "supervisor/gpu/tenancy.h"

namespace berth::gpu {

class News {
 public:
  // Ours on a device; nothing: it is not one of the plan's, and what others do there is their business.
  using TenantsOf = std::function<std::optional<std::vector<Tenant>>(const Gpu& gpu)>;

  // Foreign use must have grown by this much since it was last told, or since its least.
  static constexpr Bytes kGrowth = MiB(256);

  // A sentence each. Readings may be skipped: what is told follows from the difference.
  std::vector<std::string> Tell(const Inventory& inventory, const TenantsOf& tenants_of);

 private:
  struct Told {
    std::string lost;
    std::map<std::uint64_t, std::uint64_t> xids;
    Bytes foreign;
  };
  void TellOf(const Gpu& gpu, std::vector<std::string>& news);
  void TellForeignUse(const Gpu& gpu, const std::vector<Tenant>& ours, std::vector<std::string>& news);

  std::string error_;
  std::map<std::string, Told> told_;  // by UUID
};

}  // namespace berth::gpu
