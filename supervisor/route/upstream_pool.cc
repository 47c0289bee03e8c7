#include "supervisor/route/upstream_pool.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace berth::route {

std::variant<std::shared_ptr<Stream>, ConnectFailure> ConnectUnix(boost::asio::io_context& io,
                                                                  const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ConnectFailure::kFailed;
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ConnectFailure::kFull;  // out of descriptors: nothing is wrong with the worker
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno == EAGAIN ? ConnectFailure::kFull : ConnectFailure::kFailed;
  }
  return std::make_shared<Stream>(io, AF_UNIX, std::move(fd));
}

std::shared_ptr<Stream> UpstreamPool::Take(const launch::Endpoint& endpoint, bool only_sure) {
  const auto found = idle_.find(&endpoint);
  if (found == idle_.end()) return nullptr;
  while (!found->second.empty()) {
    std::shared_ptr<Stream> stream = std::move(found->second.back());
    found->second.pop_back();
    if (only_sure ? stream->QuietNow() : stream->Quiet()) return stream;
    stream->Close();
  }
  return nullptr;
}

void UpstreamPool::Put(const launch::Endpoint& endpoint, std::shared_ptr<Stream> stream) {
  auto& kept = idle_[&endpoint];
  if (kept.size() < static_cast<std::size_t>(std::min(endpoint.window, 256))) {
    stream->Listen();
    kept.push_back(std::move(stream));
  } else {
    stream->Close();
  }
}

void UpstreamPool::Forget(const launch::Endpoint& endpoint) {
  const auto found = idle_.find(&endpoint);
  if (found == idle_.end()) return;
  for (auto& stream : found->second) stream->Close();
  idle_.erase(found);
}

void UpstreamPool::Clear() {
  for (auto& [endpoint, streams] : idle_) {
    for (auto& stream : streams) stream->Close();
  }
  idle_.clear();
}

}  // namespace berth::route
