#include "worker/models/pooling.h"

namespace berth::models {

at::Tensor Pool(const at::Tensor& hidden, checkpoint::Pooling pooling, std::int64_t skip) {
  const std::int64_t rows = hidden.size(0);
  const at::Tensor counted = skip > 0 && skip < rows ? hidden.narrow(0, skip, rows - skip) : hidden;
  switch (pooling) {
    case checkpoint::Pooling::kMean:
      return counted.mean(0);
    case checkpoint::Pooling::kCls:
      return hidden[0];
    case checkpoint::Pooling::kLastToken:
      return hidden[rows - 1];
    case checkpoint::Pooling::kMax:
      return counted.amax(0);
  }
  return {};
}

}  // namespace berth::models
