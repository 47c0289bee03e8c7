// bench-spawn TIMES [MIB]: how long Spawner::Spawn() keeps the supervisor's thread busy, for a process whose own
// memory is MIB MiB. Prints one JSON object with wall and CPU time per spawn in µs, medians.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "supervisor/base/fd.h"
#include "supervisor/launch/spawner.h"

namespace {

double CpuUs() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int times = argc > 1 ? std::atoi(argv[1]) : 200;
  const std::size_t ballast_bytes = (argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0) << 20;
  std::vector<char> ballast(ballast_bytes);
  std::memset(ballast.data(), 1, ballast.size());
  const auto spawner = berth::launch::MakeSpawner();
  const berth::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const berth::launch::SpawnRequest request{
      "/bin/true", {"true"}, {"PATH=/usr/bin:/bin"}, {null.get(), null.get(), null.get(), null.get(), null.get(), null.get()}};
  std::vector<double> wall, cpu;
  for (int i = 0; i < times; ++i) {
    const double cpu_before = CpuUs();
    const auto before = std::chrono::steady_clock::now();
    const auto child = spawner->Spawn(request);
    wall.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before).count());
    cpu.push_back(CpuUs() - cpu_before);
    if (!child) {
      std::fprintf(stderr, "bench-spawn: %s\n", child.error().message.c_str());
      return 1;
    }
    pollfd end{(*child)->ended_fd(), POLLIN, 0};
    ::poll(&end, 1, 10'000);
    (*child)->Reap();
  }
  std::printf("{\"spawns\": %d, \"wall_us\": %.1f, \"cpu_us\": %.1f}\n", times, Median(wall), Median(cpu));
}
