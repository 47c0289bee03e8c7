// The routes of a model of kind embedding, by what it makes of texts: vectors, or scores of pairs.
#pragma once

#include <vector>

#include "worker/embeddings/inference_route.h"

namespace berth::serve {

// What the model is for comes first. `service` outlives them.
std::vector<Route> EncoderRoutes(EncoderService& service);

// What a model of this task does, as a reader of an error is told.
std::string_view WhatItDoes(checkpoint::Task task);

}  // namespace berth::serve
