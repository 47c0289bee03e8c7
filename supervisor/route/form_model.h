// Which model a form (multipart/form-data) is for, found while its bytes arrive: fields may come in any order, and mostly a
// file of megabytes comes before `model`. What stands behind that field is not looked at; a worker refuses a second one.
// Pure. `timeout_ms` is for JSON: a form's deadline is the header's.
#pragma once

#include <string_view>

#include "supervisor/route/body_model.h"
#include "worker/protocol/multipart.h"

namespace berth::route {

inline constexpr std::size_t kMostModelBytes = 512;

class FormModel {
 public:
  explicit FormModel(std::string_view boundary) : reader_(boundary) {}

  // `body`: all of it that has arrived. True: nothing that follows changes found().
  bool Look(std::string_view body);
  // The form is there as a whole: what is missing now is an error.
  void End();

  bool known() const { return known_; }
  // The model, or none, or why the form cannot be read.
  const BodyModel& found() const { return found_; }

 private:
  bool Known(std::string_view param = {}, std::string error = {});

  http::FormReader reader_;
  BodyModel found_;
  bool known_ = false;
};

}  // namespace berth::route
