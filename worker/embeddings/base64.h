// Base64 (RFC 4648 §4, with padding): how /v1/embeddings sends vectors unless the client asks for numbers.
// Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace berth::serve {

// Appends the encoded bytes to `out`.
void AppendBase64(std::span<const std::byte> bytes, std::string& out);

// Appends the components as little-endian float32, encoded.
void AppendBase64(std::span<const float> vector, std::string& out);

}  // namespace berth::serve
