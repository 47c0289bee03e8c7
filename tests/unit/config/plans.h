// Plans for tests: the golden files, a host that is the same everywhere, and a plan as text to compare.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/parse.h"

namespace berth::config::testing {

// 16 GiB, 8 cores, /run/berth; HOME=/home/ana, PORT=9000, EMPTY=.
Host FixedHost();

// A plan that says nothing but what it must; `more` is added below its only model, "bge".
std::string SmallPlan(std::string_view more = "");

// What is wrong with the text, as berthd prints it; the file is called berth.yaml. "" when nothing is.
std::string Wrong(std::string_view text);
// The plan in the text; a failed assertion when there is none.
Plan Good(std::string_view text);

// Every value of a plan, a line each.
std::string Describe(const Plan& plan);

std::filesystem::path SourceDir();
std::string ReadFile(const std::filesystem::path& file);
// The *.yaml of tests/golden/plans/<folder>, sorted.
std::vector<std::filesystem::path> GoldenPlans(const std::string& folder);
// Compares with the file, or rewrites it where BERTH_UPDATE_GOLDEN=1.
void ExpectGolden(const std::filesystem::path& file, const std::string& actual);

}  // namespace berth::config::testing
