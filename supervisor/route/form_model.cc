#include "supervisor/route/form_model.h"

#include <utility>

namespace berth::route {

bool FormModel::Known(std::string_view param, std::string error) {
  known_ = true;
  found_.param = param;
  found_.error = std::move(error);
  return true;
}

bool FormModel::Look(std::string_view body) {
  http::FormPart part;
  while (!known_) {
    switch (reader_.Next(body, &part)) {
      case http::FormReader::Step::kMore: return false;
      case http::FormReader::Step::kEnd: return Known();
      case http::FormReader::Step::kBad: return Known({}, reader_.error());
      case http::FormReader::Step::kPart: break;
    }
    if (part.name != "model" || part.data.empty()) continue;  // an empty field is one that was left out
    if (part.data.size() > kMostModelBytes) {
      return Known("model", "the form's model has more than " + std::to_string(kMostModelBytes) + " bytes");
    }
    found_.model = part.data;
    return Known();
  }
  return true;
}

void FormModel::End() {
  if (!known_) Known({}, "the form ends before its last boundary");
}

}  // namespace berth::route
