// A request's body while the proxy reads it to find out the model: JSON as a whole, a form as far as it must. Of forms,
// which are large, all connections together hold no more than a bound. One request's; lives in its coroutine on an io
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "supervisor/base/bytes.h"
#include "supervisor/route/form_model.h"
#include "worker/protocol/http_body.h"
#include "worker/protocol/http_message.h"

namespace berth::route {

// Bytes counted with those of all others for as long as this lives.
class Held {
 public:
  explicit Held(std::atomic<std::uint64_t>& all) : all_(all) {}
  ~Held() { all_ -= bytes_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  // To `bytes`, not less than before. False: all together would be more than `most`.
  bool Grow(std::uint64_t bytes, std::uint64_t most) {
    const std::uint64_t more = bytes - std::exchange(bytes_, bytes);
    return (all_ += more) <= most;
  }

 private:
  std::atomic<std::uint64_t>& all_;
  std::uint64_t bytes_ = 0;
};

struct BodyIntake {
  BodyIntake(const http::RequestHead& request, Bytes most_bytes, std::atomic<std::uint64_t>& forms_held)
      : head(request), most(most_bytes), reader(request), held(forms_held) {}

  // The body is a form. An answer: it is none.
  std::optional<http::Response> Expect() {
    const std::string* type = head.Find("Content-Type");
    const auto boundary = http::FormBoundary(type ? *type : "");
    if (!boundary) return http::ErrorResponse(400, "invalid_form", boundary.error().message);
    form.emplace(*boundary);
    return std::nullopt;
  }
  // The rest may come through as it is; but for chunks, which would have to be written again.
  bool enough() const { return form && form->known() && head.framing == http::Framing::kLength; }

  const http::RequestHead& head;
  const Bytes most;
  http::BodyReader reader;
  std::string body;
  std::optional<FormModel> form;
  Held held;
};

}  // namespace berth::route
