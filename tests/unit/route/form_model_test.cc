#include "supervisor/route/form_model.h"

#include <gtest/gtest.h>

namespace berth::route {
namespace {

std::string Part(const std::string& name, const std::string& data) {
  return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + data + "\r\n";
}

TEST(FormModel, IsKnownOnceItsFieldHasArrived) {
  const std::string before = Part("file", std::string(1000, '-')) + Part("model", ""), field = Part("model", "whisper");
  const std::string body = before + field + "--b";
  FormModel model("b");
  for (std::size_t have = 0; have < body.size(); ++have) {
    ASSERT_EQ(model.Look(std::string_view(body).substr(0, have)), false) << have;
  }
  EXPECT_TRUE(model.Look(body));
  EXPECT_EQ(model.found().model, "whisper");
  EXPECT_EQ(model.found().error, "");
  EXPECT_TRUE(model.Look(body + "whatever follows"));
}

TEST(FormModel, OfAFormWithoutOneThereIsNone) {
  FormModel model("b");
  EXPECT_TRUE(model.Look(Part("file", "x") + "--b--"));
  EXPECT_EQ(model.found().model, std::nullopt);
  EXPECT_EQ(model.found().error, "");
}

TEST(FormModel, WhatIsNoFormHasAnError) {
  FormModel broken("b");
  EXPECT_TRUE(broken.Look("{\"model\":\"m\"}"));
  EXPECT_NE(broken.found().error, "");
  FormModel cut("b");
  EXPECT_FALSE(cut.Look(Part("file", "x")));
  cut.End();
  EXPECT_TRUE(cut.known());
  EXPECT_NE(cut.found().error, "");
  FormModel large("b");
  EXPECT_TRUE(large.Look(Part("model", std::string(kMostModelBytes + 1, 'm')) + "--b"));
  EXPECT_EQ(large.found().param, "model");
  EXPECT_NE(large.found().error, "");
}

}  // namespace
}  // namespace berth::route
