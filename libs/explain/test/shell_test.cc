#include "explain/shell.h"

#include <gtest/gtest.h>

namespace signet::explain {
namespace {

TEST(Shell, QuotesWhatAShellWouldTakeForSomethingElse) {
  EXPECT_EQ(quoted("unix:path:/usr/bin/shop"), "unix:path:/usr/bin/shop");
  EXPECT_EQ(quoted("docker:label:name:a b"), "'docker:label:name:a b'");
  EXPECT_EQ(quoted("k8s:x:it's;$(rm)"), "'k8s:x:it'\\''s;$(rm)'");
  EXPECT_EQ(quoted(""), "''");
}

}  // namespace
}  // namespace signet::explain
