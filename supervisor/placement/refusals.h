// Why there is no place, in words: for every device how much is missing, or which rule and which model stand in the way,
// and what would make it fit. Pure.
#pragma once

#include <optional>
#include <vector>

#include "supervisor/placement/pieces.h"
#include "supervisor/placement/placement.h"
#include "supervisor/placement/search.h"

namespace berth::placement {

// Of what starts at boot and has no seat, beside what the board holds. One refusal for each model, that of its first
// replica without a place: for others of it the reasons are the same. `tries`: the search was cut off after so many
// placed pieces, and nobody knows whether there is a placement.
std::vector<Refusal> Refusals(const std::vector<Piece>& pieces, const Seats& seats, const Board& board, std::optional<int> tries);

// Of what is started by hand and could not even run alone.
std::vector<Refusal> WhatNeverFits(const std::vector<Piece>& pieces, const config::Plan& plan);

}  // namespace berth::placement
