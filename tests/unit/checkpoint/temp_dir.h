// A folder for one test's files, removed with everything in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace berth {

class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "berth-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp " + pattern);
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path Write(const std::string& name, std::string_view content) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    return file;
  }

 private:
  std::filesystem::path path_;
};

// Where the test data lies: BERTH_TEST_DATA, else ../shared/data beside the source tree. Empty when it is not
// there.
inline std::filesystem::path TestData() {
  const char* given = std::getenv("BERTH_TEST_DATA");
  const char* source = std::getenv("BERTH_SOURCE_DIR");
  std::filesystem::path path = "../shared/data";
  if (source != nullptr) path = std::filesystem::path(source) / path;
  if (given != nullptr) path = given;
  return std::filesystem::is_directory(path) ? path : std::filesystem::path();
}

}  // namespace berth
