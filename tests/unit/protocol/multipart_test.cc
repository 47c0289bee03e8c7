#include "worker/protocol/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace berth::http {
namespace {

using testing::HasSubstr;

struct Read {
  std::vector<std::pair<std::string, std::string>> parts;  // name and data
  std::vector<std::optional<std::string>> filenames;
  FormReader::Step end = FormReader::Step::kMore;
  std::string error;

  bool operator==(const Read&) const = default;
};

Read ReadWhole(std::string_view body, std::string_view boundary = "b") {
  FormReader reader(boundary);
  Read read;
  for (FormPart part;;) {
    read.end = reader.Next(body, &part);
    if (read.end != FormReader::Step::kPart) break;
    read.parts.emplace_back(part.name, part.data);
    read.filenames.push_back(part.filename);
  }
  read.error = reader.error();
  return read;
}

// The same, one more byte at a time.
Read ReadDripping(std::string_view body, std::string_view boundary = "b") {
  FormReader reader(boundary);
  Read read;
  FormPart part;
  for (std::size_t have = 0; have <= body.size(); ++have) {
    while ((read.end = reader.Next(body.substr(0, have), &part)) == FormReader::Step::kPart) {
      read.parts.emplace_back(part.name, part.data);
      read.filenames.push_back(part.filename);
    }
  }
  read.error = reader.error();
  return read;
}

std::string Part(const std::string& name, const std::string& data) {
  return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + data + "\r\n";
}

TEST(FormReader, GivesThePartsInOrder) {
  const std::string file("\0\r\n--\r\n--c\r\n\xff", 13);
  const std::string body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".wav\"\r\n"
                           "Content-Type: audio/wav\r\n\r\n" + file + "\r\n" + Part("model", "whisper") + Part("empty", "") + "--b--\r\n";
  const Read read = ReadWhole(body);
  EXPECT_EQ(read.end, FormReader::Step::kEnd) << read.error;
  EXPECT_EQ(read.parts, (std::vector<std::pair<std::string, std::string>>{{"file", file}, {"model", "whisper"}, {"empty", ""}}));
  EXPECT_EQ(read.filenames, (std::vector<std::optional<std::string>>{"a \"b\".wav", std::nullopt, std::nullopt}));
  EXPECT_EQ(ReadDripping(body), read);
}

TEST(FormReader, TakesWhatClientsWriteDifferently) {
  for (const char* body : {
           "--b\r\ncontent-disposition:form-data;name=model\r\n\r\nm\r\n--b--",
           "--b \t\r\nContent-Disposition: form-data; name=\"model\";\r\nContent-Type: text/plain\r\n\r\nm\r\n--b--\r\n\r\n",
           "--b\r\nContent-Transfer-Encoding: binary\r\nContent-Disposition: Form-Data; x=y; name=\"model\"\r\n\r\nm\r\n--b--",
       }) {
    const Read read = ReadWhole(body);
    EXPECT_EQ(read.end, FormReader::Step::kEnd) << read.error << "\n" << body;
    ASSERT_EQ(read.parts.size(), 1u);
    EXPECT_EQ(read.parts[0], (std::pair<std::string, std::string>("model", "m")));
    EXPECT_EQ(ReadDripping(body), read);
  }
}

TEST(FormReader, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::string good = Part("model", "m");
  const std::vector<std::pair<std::string, std::string>> bad{
      {"", "?"},  // an empty body is a beginning
      {"preamble\r\n" + good + "--b--", "does not begin with its boundary"},
      {"\r\n" + good + "--b--", "does not begin with its boundary"},
      {good + "--b--\r\nepilogue", "something follows its end"},
      {"--b\nContent-Disposition: form-data; name=model\n\nm\n--b--", "something else than the line's end"},
      {good + "--bc\r\n\r\nx\r\n--b--", "something else than the line's end"},
      {"--b\r\n\r\nm\r\n--b--", "no Content-Disposition"},
      {"--b\r\nContent-Type: text/plain\r\n\r\nm\r\n--b--", "no Content-Disposition"},
      {"--b\r\nContent-Disposition: form-data\r\n\r\nm\r\n--b--", "not form-data with one name"},
      {"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nm\r\n--b--", "not form-data with one name"},
      {"--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nm\r\n--b--", "not form-data with one name"},
      {"--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nm\r\n--b--", "not form-data with one name"},
      {"--b\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\nm\r\n--b--", "one name"},
      {"--b\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nm\r\n--b--", "as they are"},
      {"--b\r\nContent-Disposition: form-data; name=b;\r\n name=a\r\n\r\nm\r\n--b--", "no field"},
      {"--b\r\nContent-Disposition : form-data; name=a\r\n\r\nm\r\n--b--", "no field"},
      {"--b\r\nContent-Disposition: form-data; name=" + std::string(300, 'a') + "\r\n\r\nm\r\n--b--", "one name"},
      {"--b\r\nX: " + std::string(5000, 'a') + "\r\n\r\nm\r\n--b--", "longer than 4096"},
  };
  for (const auto& [body, why] : bad) {
    const Read read = ReadWhole(body);
    if (body.empty()) {
      EXPECT_EQ(read.end, FormReader::Step::kMore);
      continue;
    }
    EXPECT_EQ(read.end, FormReader::Step::kBad) << body;
    EXPECT_THAT(read.error, HasSubstr(why)) << body;
    EXPECT_EQ(ReadDripping(body).error, read.error) << body;
  }
}

TEST(FormReader, ABodyThatStopsEarlyIsNotWhole) {
  const std::string body = Part("file", "data") + Part("model", "m") + "--b--";
  for (std::size_t cut = 0; cut < body.size(); ++cut) EXPECT_EQ(ReadWhole(body.substr(0, cut)).end, FormReader::Step::kMore) << cut;
}

TEST(FormReader, PartsAreBounded) {
  std::string body;
  for (std::size_t i = 0; i < kMostFormParts; ++i) body += Part("a", "");
  EXPECT_EQ(ReadWhole(body + "--b--").end, FormReader::Step::kEnd);
  EXPECT_THAT(ReadWhole(body + Part("a", "") + "--b--").error, HasSubstr("more than 64 parts"));
}

TEST(FormBoundary, IsWhatTheContentTypeNames) {
  EXPECT_EQ(FormBoundary("multipart/form-data; boundary=----WebKitFormBoundaryx7").value(), "----WebKitFormBoundaryx7");
  EXPECT_EQ(FormBoundary("Multipart/Form-Data ; charset=utf-8; BOUNDARY=\"a b:c\"").value(), "a b:c");
  for (const char* bad : {"", "application/json", "multipart/form-data", "multipart/form-data; boundary=",
                          "multipart/form-data; boundary=\"\"", "multipart/form-data; boundary=a; boundary=a",
                          "multipart/form-data; boundary=\"a\xff\"", "multipart/form-data; boundary=\"a \"",
                          "multipart/form-data boundary=a", "multipart/mixed; boundary=a"}) {
    EXPECT_FALSE(FormBoundary(bad)) << bad;
  }
  EXPECT_FALSE(FormBoundary("multipart/form-data; boundary=" + std::string(71, 'a')));
}

}  // namespace
}  // namespace berth::http
