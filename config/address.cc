#include "config/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "config/complaints.h"

namespace berth::config {
namespace {

bool IsIp(int family, const std::string& host) {
  in6_addr parsed{};
  return inet_pton(family, host.c_str(), &parsed) == 1;
}

bool IsDigitsAndDots(std::string_view host) {
  return std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

bool IsHostName(std::string_view host) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return host.size() <= 253 && host.front() != '.' && host.front() != '-' && std::ranges::all_of(host, fits);
}

Result<std::uint16_t> ParsePort(std::string_view text) {
  unsigned port = 0;
  const char* end = text.data() + text.size();
  const auto [rest, status] = std::from_chars(text.data(), end, port);
  if (text.empty() || status != std::errc{} || rest != end || port > 65535) {
    return Invalid("expected a port from 0 to 65535, got ", Quoted(text));
  }
  return static_cast<std::uint16_t>(port);
}

Result<std::string> ParseHost(std::string_view text) {
  const std::string host(text);
  if (host.empty()) return Invalid("no host before the port; 0.0.0.0 and [::] mean every address of the machine");
  if (host.front() == '[') {
    const std::string inside = host.substr(1, host.size() - (host.ends_with(']') ? 2 : 1));
    if (!host.ends_with(']') || !IsIp(AF_INET6, inside)) return Invalid(Quoted(host), " is not an IPv6 address");
    return inside;
  }
  if (IsIp(AF_INET6, host)) return Invalid("an IPv6 address stands in brackets: \"[", host, "]:8080\"");
  if (IsDigitsAndDots(host) ? !IsIp(AF_INET, host) : !IsHostName(host)) {
    return Invalid(Quoted(host), " is neither an IP address nor a host name");
  }
  return host;
}

}  // namespace

Result<Address> ParseAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) {
    return Invalid("expected host:port such as 127.0.0.1:8080, got ", Quoted(text));
  }
  Result<std::string> host = ParseHost(text.substr(0, colon));
  if (!host) return host.error();
  Result<std::uint16_t> port = ParsePort(text.substr(colon + 1));
  if (!port) return port.error();
  return Address{*host, *port};
}

}  // namespace berth::config
