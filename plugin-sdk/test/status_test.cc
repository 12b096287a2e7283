#include "signet/status.h"

#include <memory>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

namespace signet {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Status::invalid_argument("odd").with("n", std::to_string(n));
  return n / 2;
}

Result<int> quarter(int n) {
  SIGNET_TRY(const int once, half(n));
  SIGNET_TRY(const int twice, half(once));
  return twice;
}

Status check_quarter(int n) {
  SIGNET_RETURN_IF_ERROR(quarter(n).status());
  return {};
}

TEST(Status, IsOkByDefaultAndThenHasNothingToSay) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), Code::kOk);
  EXPECT_EQ(status.message(), "");
  EXPECT_TRUE(status.fields().empty());
  EXPECT_EQ(status.detail(), nullptr);
  EXPECT_EQ(status.to_string(), "OK");
  EXPECT_TRUE(Status(Code::kOk, "ignored").ok());
}

TEST(Status, IsNoBool) {
  // `if (status)` would read the wrong way round; it must be if (status.ok()).
  EXPECT_FALSE((std::is_constructible_v<bool, Status>));
}

TEST(Status, CarriesCodeMessageAndFieldsInOrder) {
  const Status status = Status::not_found("no entry").with("entry_id", "a").with("hint", "b");
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.to_string(), "NOT_FOUND: no entry");
  EXPECT_EQ(status.fields(), (Status::Fields{{"entry_id", "a"}, {"hint", "b"}}));
}

TEST(Status, ACopyThatIsChangedLeavesTheOriginalAlone) {
  const Status original = Status::internal("x");
  const Status copy = original;  // NOLINT(performance-unnecessary-copy-initialization): the subject
  EXPECT_EQ(original.with("k", "v").fields().size(), 1u);
  EXPECT_EQ(original.prefixed("outer").message(), "outer: x");
  EXPECT_EQ(original.with_code(Code::kUnavailable).code(), Code::kUnavailable);
  EXPECT_EQ(original.message(), "x");
  EXPECT_EQ(original.code(), Code::kInternal);
  EXPECT_TRUE(original.fields().empty());
  EXPECT_EQ(copy.message(), "x");
}

TEST(Status, AnOkOneStaysOkWhateverIsAddedToIt) {
  EXPECT_TRUE(Status().with("k", "v").ok());
  EXPECT_TRUE(Status().prefixed("p").ok());
  EXPECT_TRUE(Status().with_code(Code::kInternal).ok());
  EXPECT_TRUE(Status().with_detail({"t", "v"}).ok());
}

TEST(Status, CarriesOneDetail) {
  const Status status = Status::permission_denied("no").with_detail({"type.example/T", "bytes"});
  ASSERT_NE(status.detail(), nullptr);
  EXPECT_EQ(status.detail()->type_url, "type.example/T");
  EXPECT_EQ(status.detail()->value, "bytes");
  EXPECT_EQ(status.prefixed("p").detail()->value, "bytes");
}

TEST(Status, NamesEveryCodeOfGrpc) {
  EXPECT_EQ(code_name(Code::kOk), "OK");
  EXPECT_EQ(code_name(Code::kCancelled), "CANCELLED");
  EXPECT_EQ(code_name(Code::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(static_cast<int>(Code::kUnauthenticated), 16);
  EXPECT_EQ(code_name(static_cast<Code>(17)), "UNKNOWN");
  EXPECT_EQ(code_name(static_cast<Code>(-1)), "UNKNOWN");
}

TEST(Result, IsAValueOrAnError) {
  EXPECT_TRUE(half(4).ok());
  EXPECT_EQ(*half(4), 2);
  EXPECT_TRUE(half(4).status().ok());
  EXPECT_FALSE(half(3));
  EXPECT_EQ(half(3).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(half(3).value_or(7), 7);
  EXPECT_EQ(half(4).value_or(7), 2);
}

TEST(Result, HoldsWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(**result, 5);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 5);
}

TEST(Try, TakesTheValueOrReturnsTheErrorWithItsFields) {
  EXPECT_EQ(quarter(8).value(), 2);
  const auto failed = quarter(6);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().fields(), (Status::Fields{{"n", "3"}}));
  EXPECT_TRUE(check_quarter(4).ok());
  EXPECT_EQ(check_quarter(5).message(), "odd");
}

}  // namespace
}  // namespace signet
