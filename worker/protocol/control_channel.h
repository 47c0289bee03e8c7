// Packets over a SOCK_SEQPACKET socket with the rules of DESIGN §7: never empty (n = 0 is end of file),
// MSG_TRUNC is a protocol error, after ECONNRESET reading goes on until end of file, senders never block.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"

namespace berth::protocol {

// Two connected ends, close-on-exec.
Result<std::pair<Fd, Fd>> MakeControlPair();

// Blocking-free send of one packet. True: sent. False: the buffer is full (merge a beat, retry others).
// Errors: the peer is gone (kUnavailable), or the packet is empty or too large (kInvalid).
Result<bool> SendPacket(int fd, std::string_view packet);
// Blocks until a packet, end of file (nothing) or an error. For the worker, which has a thread for it.
Result<std::optional<std::string>> ReceivePacket(int fd);

using ControlSocket = boost::asio::generic::seq_packet_protocol::socket;
// The same for a coroutine.
boost::asio::awaitable<Result<std::optional<std::string>>> AsyncReceivePacket(ControlSocket& socket);

}  // namespace berth::protocol
